"""What the name of a field beside a conversation says of it, in any spelling: `systemPrompt`, `System-Prompt`.

A field whose name is not known here is metadata, as ids, scores and tags are.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import Enum
from functools import lru_cache


class Meaning(Enum):
    """What a field is to the conversation beside it."""

    SYSTEM = "the system prompt"
    HISTORY = "earlier turns"
    IMAGES = "images"
    FILES = "files, of which images can be trained on"
    MEDIA = "sound or film, which cannot"
    TOOLS = "definitions of tools"
    CALLS = "calls of tools that the answer makes"
    SEEN = "a part of what the model was sent, whose place in it is unknown"
    OPTION = "an option of the request"


_NAMES = {
    Meaning.SYSTEM: (
        "system system_prompt system_message system_msg system_instruction system_instructions system_content "
        "system_text instructions custom_instructions developer developer_prompt developer_message "
        "developer_instructions preamble preprompt sys sys_prompt sys_message sys_msg custom_instruction "
        "custom_prompt custom_system_prompt system_role assistant_instructions"
    ),
    Meaning.HISTORY: (
        "history chat_history conversation_history dialog_history dialogue_history message_history messages_history "
        "previous_messages previous_turns prior_messages prior_turns past_messages"
    ),
    Meaning.IMAGES: (
        "images image image_url image_urls image_path image_paths image_file image_files img imgs img_url img_urls "
        "img_path"
    ),
    Meaning.FILES: "attachments attachment experimental_attachments files",
    Meaning.MEDIA: "videos video audios audio video_url video_urls video_path audio_url audio_urls audio_path",
    Meaning.TOOLS: (
        "tools functions tool function available_tools available_functions tool_definitions function_definitions "
        "tool_list function_list tool_schemas function_schemas tool_specs function_declarations tool_config toolset"
    ),
    Meaning.CALLS: "tool_calls tool_call function_call function_calls",
    Meaning.SEEN: (
        "question query prompt instruction input context contexts document documents messages conversations "
        "conversation contents input_messages user_prompt user_message user_input user_query docs ctx ctxs passage "
        "passages knowledge "
        "selected_knowledge checked_knowledge knowledge_sentences "
        "background guidelines examples exemplars demonstrations few_shot few_shots few_shot_examples fewshot_prompt "
        "prefix suffix persona knowledge_base background_knowledge background_info additional_context "
        "extra_context reference_context retrieved_context retrieved_contexts retrieved_documents retrieved_docs "
        "retrieved_passages retrieved_chunks context_documents context_docs context_passages search_results "
        "grounding memory memories tool_results tool_outputs tool_responses function_results chat_template_kwargs"
    ),
    Meaning.OPTION: (
        "tool_choice response_format guided_json guided_regex guided_choice guided_grammar structured_outputs"
    ),
}
_CONTEXTS = frozenset(
    """context contexts ctx ctxs document documents doc docs passage passages article articles retrieval retrievals
    chunk chunks snippet snippets excerpt excerpts paragraph paragraphs rag""".split()
)
_PREMISES = frozenset(  # without which a question has another answer
    "schema schemas ddl premise evidence hint hints table tables dataframe boilerplate".split()
)
_PREMISES_BY_NAME = frozenset(
    """startercode codecontext createtablestatement createtablestatements databaseschema dbschema tableinfo tableschema
    functionsignature""".split()
)
_MAYBE_CONTEXTS = frozenset("text texts body transcript story".split()) | _PREMISES
_REASONING = frozenset(
    """reasoning reasoningcontent reasoningtext reasoningtrace reasoningsteps reasoningdetails reasoningprocess thinking
    thinkingcontent thinkingtrace thinkingtext thinkingtrajectory thoughts thought chainofthought cot scratchpad
    internalmonologue modelreasoning modelthinking responsereasoning deepseekreasoning deepseekthinkingtrajectory
    longcot""".split()
)
_OF_TESTS = frozenset(  # which an answer has to pass
    "testcases testcase tests testlist publictests publictestcases unittests inputoutput".split()
)
_OF_CONTEXT = frozenset("text texts body content contents".split())  # of an article
_OF_ANSWER = frozenset(
    """answer answers response responses output outputs completion completions generated prediction predicted target
    rejected chosen""".split()
)
_REMARKS = frozenset(
    """reasoning rationale rationales explanation explanations thought thoughts thinking cot analysis comment comments
    note notes feedback critique remark remarks reason license citation traceback error justification log""".split()
)
_FACTS = frozenset(  # the last words of names of facts
    """at date time timestamp url urls uri link id ids uuid hash path file filename tag tags category categories
    model language lang version split author authors""".split()
)
_STEERING = frozenset(  # the last words of names of what an answer is to be like
    """tone style register formality voice mood audience reader dialect locale persona sentences paragraphs bullets
    verbosity politeness""".split()
)
_STEERED = frozenset("target output response answer reply tgt dest destination to desired requested reading".split())
_ASPECTS = frozenset("language lang locale format length level words tokens characters chars units unit type".split())
_BOUNDS = frozenset("max min maximum minimum limit num number".split())
_BOUNDED = frozenset(
    "words word characters character chars char sentences sentence paragraphs lines length limit items points".split()
)
_CHOICES = re.compile(r"(?:answer)?(?:options|choices)|(?:answer)?(?:option|choice|opt|op|ending)(?:[a-h]|[0-9])")
_PART = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CATEGORY = re.compile(r"[^\W\d]+(?:[ /&_-]+[^\W\d]+){0,2}|n/a|-|")  # three words, without numbers or full stops
_NUMBERED = re.compile(r"[ _-]?[0-9]+$")
_DESCRIBE_QUESTIONS = frozenset({"knowledge"})
_ANNOTATIONS = (
    "intent difficulty difficulty_generator input_quality quality_explanation quality_generator task_category "
    "other_task_category task_category_generator reward_model instruct_reward llama_guard llama_guard_2 llama_guard_3 "
    "min_neighbor_distance min_similar_uuid min_similar_conversation_id gen_input_configs gen_response_configs"
)
CONVERSATIONS = ("messages", "conversations", "conversation")
"""Columns of whole conversations."""


@lru_cache(maxsize=4096)
def plain(key: str) -> str:
    """The letters and digits of a name, in lower case."""
    return "".join(filter(str.isalnum, key.lower()))


_ANNOTATED = frozenset(map(plain, _ANNOTATIONS.split()))
_GROUNDING = frozenset(
    map(
        plain,
        """knowledge selected_knowledge checked_knowledge knowledge_base background background_knowledge
        background_info search_results grounding""".split(),
    )
)
_MEANINGS = {plain(name): meaning for meaning, names in _NAMES.items() for name in names.split()}


@lru_cache(maxsize=4096)
def meaning_of(key: str) -> Meaning | None:
    """What the name of a field says; None for a name of metadata.

    A numbered name, such as `instruction_2`, says what the name does.
    """
    stated = _MEANINGS.get(plain(key)) or _MEANINGS.get(plain(_NUMBERED.sub("", key)))
    if stated is None:
        words = _words(key)
        if words and words[-1] in _CONTEXTS and _OF_ANSWER.isdisjoint(words):
            return Meaning.SEEN
    return stated


def _words(key: str) -> list[str]:
    """The words of a name: `retrievedDocs_1` has two."""
    return [each.lower() for each in _PART.findall(_CAMEL.sub(" ", key))]


@lru_cache(maxsize=4096)
def is_context(key: str) -> bool:
    """Whether a column of text is a context by its name, where a question and an answer are beside it.

    The last word of a name says what it is: `rag_context`, `sql_schema` and `article_text`, but not `context_id`.
    """
    words = _words(key)
    if not words or not _OF_ANSWER.isdisjoint(words):
        return False
    if words[-1] in _CONTEXTS | _MAYBE_CONTEXTS or plain(key) in _PREMISES_BY_NAME:
        return True
    if words[-1] in _OF_CONTEXT:
        return len(words) > 1 and words[-2] in _CONTEXTS | {"source", "input"}
    return plain(key) in _GROUNDING


@lru_cache(maxsize=4096)
def is_premise(key: str) -> bool:
    """Whether a column is a part of the question by its name if it says more than a name: `sql_schema`, `table`."""
    words = _words(key)
    return plain(key) in _PREMISES_BY_NAME or (bool(words) and words[-1] in _PREMISES and _OF_ANSWER.isdisjoint(words))


@lru_cache(maxsize=4096)
def is_reasoning(key: str) -> bool:
    """Whether a column holds what a model thought before its answer, and not what somebody says of that."""
    return plain(key) in _REASONING


@lru_cache(maxsize=4096)
def is_choice(key: str) -> bool:
    """Whether a column may hold what a question lets one choose from, or one of it: `options`, `option_a`."""
    return _CHOICES.fullmatch(plain(key)) is not None


@lru_cache(maxsize=4096)
def is_test(key: str) -> bool:
    """Whether a column holds what the answer is tested with, which its question may have said."""
    return plain(key) in _OF_TESTS


@lru_cache(maxsize=4096)
def steers(key: str) -> bool:
    """Whether a column may say, in a word or a number, what the answer was asked to be: `tone`, `target_language`."""
    words = _words(key)
    if not words:
        return False
    if words[-1] in _STEERING:
        return True
    is_steered = not _STEERED.isdisjoint(words[:-1]) and words[-1] in _ASPECTS
    return is_steered or bounds(key)


@lru_cache(maxsize=4096)
def bounds(key: str) -> bool:
    """Whether a number in a column may be a limit of the answer, as `max_words` is, and no score of it."""
    words = _words(key)
    return not _BOUNDS.isdisjoint(words) and not _BOUNDED.isdisjoint(words)


@lru_cache(maxsize=4096)
def is_remark(key: str) -> bool:
    """Whether a column holds what somebody says of the answer or of the row, or a fact, and no part of the question."""
    words = _words(key)
    return not _REMARKS.isdisjoint(words) or not _FACTS.isdisjoint(words[-1:])


def is_annotation(key: str, value: object, others: Collection[str]) -> bool:
    """Whether a field describes the question where its name alone may also be a part of it.

    Magpie's `knowledge` says what one has to know to answer, as `intent` and `difficulty` beside it say other things,
    or is the name of a field of knowledge, or nothing; in dialogues that are grounded in passages, `knowledge` is the
    passage.

    Args:
        others: names of all fields of the row.

    Source: https://github.com/magpie-align/magpie, whose tagger writes the three together.
    """
    if plain(key) not in _DESCRIBE_QUESTIONS:
        return False
    return _is_category(value) or sum(plain(each) in _ANNOTATED for each in others) >= 2


def _is_category(value: object) -> bool:
    """Whether a value is a word or two that name a class, or a list of such, and no sentence to read."""
    if isinstance(value, list):
        return all(map(_is_category, value))
    return isinstance(value, str) and _CATEGORY.fullmatch(value.strip()) is not None


@lru_cache(maxsize=4096)
def folded(key: str) -> str:
    """A name as this project spells it: lower case, with underscores, without space at its ends."""
    return "_".join(key.lower().replace("-", " ").split())


def may_repeat_answers(key: str) -> bool:
    """Whether a field may repeat a whole conversation, answers included."""
    return plain(key) in CONVERSATIONS or meaning_of(key) is Meaning.HISTORY
