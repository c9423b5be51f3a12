"""The real server in a process of its own, as for the tests of the dashboard."""

from tests.dashboard.conftest import serving as serving
