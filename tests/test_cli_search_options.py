"""What ``query`` and ``similar`` can be told, from the command line to what is printed."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

import semsearch
from semsearch.cli._main import _commands
from tests.command import ENVIRONMENT, Run, runner
from tests.test_cli_terminal import run_on_terminal

BLOCKADE = (
    "Dockers have closed the gates since Friday. The harbour was blocked by a stranded freighter. Ferries sail again."
    "\n\nPilots of the harbour ask for higher pay, and they have the support of the port's two unions."
)
ARTICLES = [
    semsearch.Article(
        "wire/harbour", BLOCKADE, "Blockade ends", dt.date(2022, 1, 7), "Northgate Wire", metadata={"section": "World"}
    ),
    semsearch.Article(
        "paper/harbour", BLOCKADE, "Blockade ends", dt.date(2022, 1, 8), "Meridian", metadata={"section": "World"}
    ),
    semsearch.Article(
        "bridge",
        "The bridge beside the harbour stays shut until the spring of next year, the town council said.",
        "Bridge closed",
        dt.date(2023, 5, 17),
        "Meridian",
        metadata={"section": "Local"},
    ),
    semsearch.Article("moon", "A small probe came down near the southern pole.", metadata={"pages": 3}),
]
MODES = ("hybrid", "dense", "lexical")
HARBOURS = {"wire/harbour", "paper/harbour"}


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], archive: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SEMSEARCH_INDEX", str(archive))
    return runner(capsys)


@pytest.fixture(scope="module")
def archive(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of four articles, six passages; two of the articles are the same story."""
    index = tmp_path_factory.mktemp("archive") / "index"
    semsearch.build_index(ARTICLES, index, embedder=tiny_model)
    return index


def ids(run: Run, *arguments: object) -> list[str]:
    """The articles of the hits of a command that must succeed."""
    ran = run(*arguments)
    assert (ran.code, ran.err) == (0, "")
    return [line["article"]["id"] for line in ran.lines()]


def flat(text: str) -> str:
    return " ".join(text.split())


# --- what is searched in ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], {*HARBOURS, "bridge", "moon"}),
        (["--where", "section = world"], HARBOURS),
        (["--where", 'has section and NOT source = "Meridian"'], {"wire/harbour"}),
        (["--where", "pages > 2 or published = 2023-05"], {"moon", "bridge"}),
        (["--since", "2022-01-08"], {"paper/harbour", "bridge"}),
        (["--since", " 2023 "], {"bridge"}),
        (["--until", "2022"], HARBOURS),
        (["--until", "2022-01-07"], {"wire/harbour"}),
        (["--since", "2022-01", "--until", "2022-01"], HARBOURS),
        (["--source", "northgate wire"], {"wire/harbour"}),
        (["--source", "Northgate Wire", "--source", "Meridian"], {*HARBOURS, "bridge"}),
        (["--article", "moon", "--article", "bridge"], {"moon", "bridge"}),
        (["--source", "Meridian", "--since", "2023", "--where", "section = Local"], {"bridge"}),
        (["--source", "Meridian", "--until", "2022"], {"paper/harbour"}),
        (["--source", "Meridian", "--article", "moon"], set()),
        (["--source", "Nobody"], set()),
    ],
)
@pytest.mark.parametrize("mode", ["hybrid", "dense"])
def test_filters_leave_the_articles_that_they_are_for_and_no_other(
    run: Run, mode: str, options: list[str], expected: set[str]
) -> None:
    assert {*ids(run, "query", "anything", "--mode", mode, "--no-fold", *options)} == expected


def test_filters_apply_to_words_to_articles_and_to_what_is_similar(run: Run) -> None:
    options = ["--source", "Meridian", "--no-fold"]
    assert {*ids(run, "query", "harbour", "--mode", "lexical", *options)} == {"paper/harbour", "bridge"}
    assert {*ids(run, "query", "anything", "--by-article", *options)} == {"paper/harbour", "bridge"}
    assert {*ids(run, "similar", "moon", *options)} == {"paper/harbour", "bridge"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--where", "section ="], "for --where: a filter cannot be read: expected a value, but the text ends"),
        (["--where", ""], "for --where: a filter must not be blank"),
        (["--where", "section = world)"], "this ')' closes nothing"),
        (["--where", "desk = world"], "no article has a field desk. The fields are"),
        (["--since", "yesterday"], "for --since: 'yesterday' is not a date: write 2024, 2024-05 or 2024-05-17"),
        (["--since", ""], "for --since: '' is not a date"),
        (["--until", "2022-02-30"], "for --until: '2022-02-30' is not a date"),
        (["--since", "2023 or section = World"], "for --since: '2023 or section = World' is not a date"),
        (["--source", ""], "for --source: an empty text matches nothing"),
        (["--article", ""], "for --article: an empty text matches nothing"),
        (["--article", "\udcff"], "for --article: a value contains a NUL character or half of a surrogate pair"),
        ([word for n in range(1001) for word in ("--article", f"{n}")], "too many values"),
        (["--min-score", "high"], "'high' is not a valid float"),
        (["--min-score", "nan"], "min_score must be a number, not nan"),
        (["--max-per-article", "0"], "0 is not in the range x>=1"),
        (["--diversity", "1.5"], "1.5 is not in the range 0<=x<=1"),
        (["--diversity", "nan"], "diversity must be a number from 0 to 1, not nan"),
        (["--recall", "0"], "0 is not in the range 0<x<=1"),
        (["--recall", "nan"], "recall must be a number above 0 and at most 1, not nan"),
        (["-k", "0"], "0 is not in the range x>=1"),
    ],
)
@pytest.mark.parametrize("command", [["query", "anything"], ["query", "anything", "--by-article"], ["similar", "moon"]])
def test_what_makes_no_sense_is_wrong_usage_that_is_named(
    run: Run, command: list[str], options: list[str], message: str
) -> None:
    ran = run(*command, *options)
    assert (ran.code, ran.out) == (2, "")
    assert flat(message) in flat(ran.err)


def test_a_filter_that_is_too_long_only_together_with_others_is_wrong_usage(run: Run) -> None:
    half = [word for number in range(600) for word in ("--source", f"{number}", "--article", f"{number}")]
    ran = run("query", "anything", *half)
    assert (ran.code, ran.out) == (2, "")
    assert "too many values: 1,200, and 1,000 are allowed" in ran.err


# --- phrases --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('"higher pay"', HARBOURS),
        ("the “HIGHER   pay” of the bridge", HARBOURS),
        ('"blockade ends" "higher pay"', HARBOURS),  # one of them in the title
        ('harbour "bridge closed"', {"bridge"}),
        ('"pay higher"', set()),
        ('"higher pay" "bridge closed"', set()),
    ],
)
def test_a_phrase_must_be_found_as_it_stands(run: Run, mode: str, query: str, expected: set[str]) -> None:
    assert {*ids(run, "query", query, "--mode", mode, "--no-fold")} == expected


@pytest.mark.parametrize("mode", MODES)
def test_a_phrase_and_a_filter_must_both_hold(run: Run, mode: str) -> None:
    assert ids(run, "query", '"higher pay"', "--mode", mode, "--since", "2022-01-08") == ["paper/harbour"]
    assert ids(run, "query", '"higher pay"', "--mode", mode, "--since", "2023") == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ('the "harbour was blocked', "the quotation mark at character 5 of the query, before 'harbour was blocked'"),
        ('the "..." harbour', "there is no word between the quotation marks at character 5 of the query"),
    ],
)
def test_a_quotation_mark_without_a_phrase_is_wrong_usage(run: Run, mode: str, query: str, message: str) -> None:
    ran = run("query", query, "--mode", mode)
    assert (ran.code, ran.out) == (2, "")
    assert flat(message) in flat(ran.err)


# --- what is shown --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["query", '"pay higher"'], ["query", '"pay higher"', "--by-article"],
                                       ["similar", "moon", "--source", "Nobody"]])  # fmt: skip
def test_nothing_found_is_said_to_people_and_is_no_line_to_programs(run: Run, arguments: list[str]) -> None:
    assert run(*arguments, "--no-json") == (0, "Nothing was found.\n", "")
    assert run(*arguments, "--json") == (0, "", "")


@pytest.mark.parametrize("mode", MODES)
def test_a_least_score_leaves_out_what_is_below_it(run: Run, mode: str) -> None:
    everything = run("query", "harbour", "--mode", mode, "--no-fold").lines()
    least = everything[1]["score"] - 1e-6  # scores are printed rounded
    kept = run("query", "harbour", "--mode", mode, "--no-fold", "--min-score", least).lines()
    assert kept == [hit for hit in everything if hit["score"] >= least]
    assert 2 <= len(kept) < len(everything)
    assert run("query", "harbour", "--mode", mode, "--min-score", 1000).out == ""


def test_a_copy_is_listed_under_the_first_of_its_kind_unless_folding_is_off(run: Run) -> None:
    folded = run("query", "harbour", "--mode", "lexical").lines()
    assert [(hit["article"]["id"], len(hit["duplicates"])) for hit in folded if hit["article"]["id"] != "bridge"] == [
        ("wire/harbour", 1),
        ("wire/harbour", 1),
    ]
    assert {copy["article"]["id"] for hit in folded for copy in hit["duplicates"]} == {"paper/harbour"}
    assert run("query", "harbour", "--mode", "lexical", "--fold").lines() == folded
    unfolded = run("query", "harbour", "--mode", "lexical", "--no-fold").lines()
    assert len(unfolded) == len(folded) + 2
    assert all(hit["duplicates"] == [] for hit in unfolded)


def test_of_an_article_so_many_passages_are_shown_as_are_allowed(run: Run) -> None:
    one_each = ids(run, "query", "harbour", "--no-fold", "--max-per-article", 1)
    assert sorted(one_each) == sorted([*HARBOURS, "bridge", "moon"])
    assert len(ids(run, "query", "harbour", "--no-fold", "--max-per-article", 2)) == 6


def test_what_is_most_diverse_brings_every_text_before_the_first_copy(run: Run) -> None:
    plain = run("query", "harbour", "--mode", "dense", "--no-fold").lines()
    diverse = run("query", "harbour", "--mode", "dense", "--no-fold", "--diversity", 1).lines()
    assert diverse[0] == plain[0]
    assert len({hit["passage"]["text"] for hit in diverse[:4]}) == 4
    assert len({hit["passage"]["text"] for hit in plain[:4]}) < 4
    assert sorted(hit["score"] for hit in diverse) == sorted(hit["score"] for hit in plain)


def test_by_article_each_article_has_its_best_passages(run: Run) -> None:
    lines = run("query", "harbour", "--by-article", "--no-fold").lines()
    assert sorted((line["article"]["id"], len(line["hits"])) for line in lines) == [
        ("bridge", 1), ("moon", 1), ("paper/harbour", 2), ("wire/harbour", 2),
    ]  # fmt: skip
    assert [line["rank"] for line in lines] == [1, 2, 3, 4]
    assert [line["score"] for line in lines] == sorted((line["score"] for line in lines), reverse=True)
    shorter = run("query", "harbour", "--by-article", "--no-fold", "--max-per-article", 1, "-k", 2).lines()
    assert [(line["article"]["id"], line["hits"]) for line in shorter] == [
        (line["article"]["id"], line["hits"][:1]) for line in lines[:2]
    ]


def test_by_article_text_has_the_title_once_and_every_passage(run: Run) -> None:
    shown = run("query", "harbour", "--by-article", "--no-json", "--article", "wire/harbour").out
    assert shown.count("Blockade ends") == 1
    assert [line.split()[4] for line in shown.splitlines() if "· paragraph" in line] != []
    assert sorted(re.findall(r"paragraph (\d)", shown)) == ["1", "2"]
    assert "ask for higher pay" in shown
    assert "stranded freighter" in shown
    assert shown.count("wire/harbour") == 1  # where it is from is said once
    assert all(line == line.rstrip() for line in shown.splitlines())


def test_an_explanation_is_printed_only_if_it_is_asked_for(run: Run) -> None:
    question = ["query", "harbour unions", "--mode", "lexical", "--article", "wire/harbour", "-k", 1]
    (hit,) = run(*question, "--explain").lines()
    shown = run(*question, "--explain", "--no-json").out.splitlines()
    assert list(hit["explanation"]["parts"]) == ["lexical"]
    assert shown[2] == f"    lexical {hit['score']:.3f}".ljust(len(shown[2]))
    assert shown[3].strip() == "harbour ~ harbour 1.00; unions ~ unions 1.00"
    assert "~" not in run(*question, "--no-json").out
    assert run(*question).only()["explanation"] is None


@pytest.mark.parametrize("mode", ["hybrid", "dense"])
def test_an_explanation_names_every_signal_of_its_mode(run: Run, mode: str) -> None:
    question = ["query", "harbour", "--mode", mode, "--explain", "-k", 1, "--article", "wire/harbour"]
    (hit,) = run(*question).lines()
    parts = hit["explanation"]["parts"]
    assert len(parts) == (1 if mode == "dense" else 6)
    assert sum(parts.values()) == pytest.approx(hit["score"], abs=1e-5)
    shown = re.findall(r"(?:wire/harbour|[+-]) ([a-z ]+) (\d\.\d{3})", flat(run(*question, "--no-json").out))
    assert {name: float(part) for name, part in shown} == pytest.approx(
        {name: abs(part) for name, part in parts.items()}, abs=6e-4
    )
    assert [word["word"] for word in hit["explanation"]["words"]] == ["harbour"]


FREIGHTER = "The harbour was blocked by a stranded freighter."


def test_the_sentence_that_answers_is_between_asterisks_in_a_pipe_and_bold_on_a_terminal(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["query", "stranded freighter", "--mode", "lexical", "-k", 1, "--article", "wire/harbour"]
    assert run(*arguments).only()["evidence"]["text"] == FREIGHTER
    shown = run(*arguments, "--no-json").out
    assert f"since Friday. **{FREIGHTER}** Ferries sail again." in flat(shown)
    monkeypatch.setenv("TERM", "xterm-256color")
    shown = flat(run_on_terminal(monkeypatch, *arguments).out)
    assert "**" not in shown
    (bold,) = re.findall(r"since Friday\. ((?:\x1b\[1m[^\x1b]*\x1b\[0m\s*)+)Ferries sail again\.", shown)
    assert flat(re.sub(r"\x1b\[[\d;]*m", "", bold)) == FREIGHTER


def test_a_passage_of_one_sentence_is_not_marked(run: Run) -> None:
    assert "**" not in run("query", "small probe", "--no-json", "--article", "moon").out


def test_of_many_copies_three_are_listed_and_the_others_counted(run: Run, tiny_model: Path, tmp_path: Path) -> None:
    copies = [semsearch.Article(f"copy/{number}", BLOCKADE[:112], source=f"Paper {number}") for number in range(6)]
    semsearch.build_index(copies, tmp_path / "index", embedder=tiny_model)
    shown = run("query", "harbour", "--mode", "lexical", "-i", tmp_path / "index", "--no-json").out
    lines = [line.strip() for line in shown.splitlines() if line.startswith("    ")]
    assert lines[0] == "Paper 0 · paragraph 1 · copy/0"
    assert [line for line in lines if line.startswith(("also", "and"))] == [
        *(f"also: Paper {number} · paragraph 1 · copy/{number}" for number in (1, 2, 3)),
        "and 2 more like it",
    ]


# --- similar --------------------------------------------------------------------------------------------------------


def test_similar_shows_the_best_passage_of_every_other_article(run: Run) -> None:
    found = ids(run, "similar", "wire/harbour", "--no-fold")
    assert (found[0], sorted(found)) == ("paper/harbour", ["bridge", "moon", "paper/harbour"])
    assert len(ids(run, "similar", "wire/harbour", "--no-fold", "--max-per-article", 2)) == 4
    assert ids(run, "similar", "wire/harbour", "-k", 1) == ["paper/harbour"]


@pytest.mark.parametrize("paragraph", [1, 2])
def test_similar_to_a_paragraph_is_first_the_copy_of_that_paragraph(run: Run, paragraph: int) -> None:
    (hit,) = run("similar", "wire/harbour", "--paragraph", paragraph, "-k", 1).lines()
    assert (hit["article"]["id"], hit["passage"]["paragraph"]) == ("paper/harbour", paragraph)
    assert hit["score"] == pytest.approx(1, abs=2e-3)  # vectors are float16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "the index has no article 'nowhere': name the id of one, as hits have it"),
        (["\udcff"], "for ID: the id is not Unicode"),
        (
            ["wire/harbour", "--paragraph", 3],
            "article 'wire/harbour' has no paragraph 3: they are numbered from 1 to 2",
        ),
        (["wire/harbour", "--paragraph", 0], "0 is not in the range x>=1"),
        ([], "Missing argument 'ID'"),
    ],
)
def test_what_is_not_there_to_be_similar_to_is_wrong_usage(run: Run, arguments: list[object], message: str) -> None:
    ran = run("similar", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert message in flat(ran.err)


def test_a_reranker_that_is_not_here_ends_with_6(run: Run) -> None:
    ran = run("query", "harbour", "--reranker", "nobody/no-such-reranker")
    assert ran.code == 6
    assert "nobody/no-such-reranker" in ran.failure()


# --- odd queries ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "query",
    [
        "the of and to in",
        "?! ... ;:",
        '"',
        "5'10\"",
        "🚢 👩‍👩‍👧‍👦",
        "Гавань открыта",
        "港口 封鎖",
        "الميناء مغلق",
        "\u200b",
        "e" + "\u0301" * 500,
        "harbour\x00\x1b[2J",
        "harbour AND (title: OR ^~ [",
    ],
)
def test_an_odd_query_is_answered_or_finds_nothing(run: Run, mode: str, query: str) -> None:
    for options in (["--explain"], ["--by-article"]):
        ran = run("query", "--mode", mode, *options, "--", query)
        assert (ran.code, ran.err) == (0, "")
        lines = ran.lines()
        assert {line["query"] for line in lines} <= {query}
        assert lines or mode == "lexical"
    assert run("query", "--mode", mode, "--explain", "--no-json", "--", query).code == 0


@pytest.mark.parametrize(
    ("mode", "query"),
    [
        *((mode, "harbour " * 12_500) for mode in MODES),
        ("lexical", '"harbour" ' * 10_000),
        ("lexical", "harbour " + "h" * 99_992),
    ],
    ids=[*MODES, "phrases", "word"],
)
def test_a_query_of_100_000_characters_is_answered(run: Run, mode: str, query: str) -> None:
    assert len(query) == 100_000
    ran = run("query", query, "--mode", mode, "-k", 1)
    assert (ran.code, ran.err) == (0, "")
    assert ran.only()["query"] == query


# --- help -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize("command", ["", *sorted(_commands.commands)])
def test_help_fits_the_terminal(run: Run, monkeypatch: pytest.MonkeyPatch, command: str, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", f"{columns}")
    shown = run(*command.split(), "--help").out
    assert max(map(len, shown.splitlines())) <= columns
    assert "\b" not in shown


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize("command", ["query", "similar"])
def test_the_help_has_examples_of_filters_that_can_be_read(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", f"{columns}")
    shown = run(command, "--help").out
    examples = re.findall(r"^    --where '(.+)'$", shown, re.MULTILINE)
    assert len(examples) == 2
    for example in examples:
        assert semsearch.parse_filter(example) is not None
    if command == "query":
        assert "\n  semsearch query '\"collective defence\" pact'\n" in shown
