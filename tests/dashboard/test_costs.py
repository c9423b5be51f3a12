"""The return on a model at the costs page."""

from __future__ import annotations

from playwright.sync_api import expect

from fine_tuning import CostTracker, ModelRegistry
from tests.dashboard.conftest import Open


def test_return_of_a_model_that_costs_more_than_its_incumbent_is_never_paid_back(address: str, open_page: Open) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    for _ in range(2):
        CostTracker().record_inference("m", 10, 0.003, is_fine_tuned=True)
    page = open_page(f"{address}/costs")
    page.get_by_label("Fine-tuned model").fill("m")
    page.get_by_label("Incumbent", exact=True).fill("gpt-4o")
    page.get_by_label("Cost per call of the incumbent (USD)").fill("0.002")
    page.get_by_role("button", name="Compute").click()
    for label, shown in (
        ("Bill of gpt-4o", "$200.00"),
        ("Savings", "$-100.00"),
        ("ROI", "at least -2,100.0%"),
        ("Break-even", "never"),
        ("Payback time", "never"),
    ):
        expect(page.get_by_role("main")).to_contain_text(f"{label}{shown}")
    expect(page.get_by_role("main")).not_to_contain_text("Value of avoided errors")
