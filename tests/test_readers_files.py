"""What a source names: folders, files, globs and standard input, and nothing outside them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from semsearch import Article, CorpusError, ReadingLog, read_articles
from semsearch.readers import FORMATS, read_located

LINK = "not read: links inside a corpus are not followed"


@pytest.fixture
def news(tmp_path: Path) -> Path:
    """A folder of three articles: plain text, Markdown in a folder below, JSON lines."""
    folder = tmp_path / "news"
    write(folder / "b.txt", "The text of b.")
    write(folder / "a" / "c.md", "The text of c.")
    write(folder / "z.jsonl", '{"_id": "d", "text": "The text of d."}\n')
    return folder


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read(*sources: str | Path) -> tuple[dict[str, str], ReadingLog]:
    """Read the sources to texts by id, with the log."""
    log = ReadingLog()
    return {article.id: article.text for article in read_articles(*sources, log=log)}, log


# --- folders


def test_a_folder_is_read_with_all_that_is_below_it_in_the_order_of_its_paths(news: Path) -> None:
    texts, log = read(news)

    assert list(texts.items()) == [("b.txt", "The text of b."), ("d", "The text of d."), ("a/c.md", "The text of c.")]
    assert (log.problems, log.notes, log.ignored) == ([], [], {})


def test_an_article_says_where_it_was_read(news: Path) -> None:
    places = [(located.place, located.article.id) for located in read_located(news)]

    assert places == [
        (str(news / "b.txt"), "b.txt"),
        (f"{news / 'z.jsonl'}:1", "d"),
        (str(news / "a" / "c.md"), "a/c.md"),
    ]


def test_a_folder_may_be_named_through_a_link(news: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(news)

    assert read(tmp_path / "link") == read(news)


def test_an_empty_folder_has_no_articles(tmp_path: Path) -> None:
    assert read(tmp_path) == ({}, ReadingLog())


def test_suffixes_are_read_in_any_case(tmp_path: Path) -> None:
    for name in ("a.TXT", "b.text", "c.Md", "d.markdown", "e.JSONL", "f.ndjson"):
        write(tmp_path / name, '{"text": "A line."}' if "j" in name.lower() else "A line.")

    assert read(tmp_path)[0] == {
        "a.TXT": "A line.",
        "b.text": "A line.",
        "c.Md": "A line.",
        "d.markdown": "A line.",
        "e.JSONL:1": "A line.",
        "f.ndjson:1": "A line.",
    }


def test_files_of_other_formats_are_counted_by_suffix(news: Path) -> None:
    for name in ("one.png", "two.PNG", "a/three.mp3", "README"):
        write(news / name, "not read")

    texts, log = read(news)

    assert set(texts) == {"b.txt", "a/c.md", "d"}
    assert log.ignored == {".png": 2, ".mp3": 1, "README": 1}
    assert (log.problems, log.notes) == ([], [])


def test_hidden_files_and_folders_are_passed_over(news: Path) -> None:
    write(news / ".draft.txt", "hidden")
    write(news / ".git" / "e.txt", "hidden")
    write(news / "a" / ".cache" / "f.md", "hidden")

    texts, log = read(news)

    assert set(texts) == {"b.txt", "a/c.md", "d"}
    assert log.ignored == {"hidden": 3}  # a folder is one


def test_there_is_a_bound_on_the_kinds_that_are_counted(tmp_path: Path) -> None:
    for number in range(600):
        write(tmp_path / f"a.{number}x", "")

    log = read(tmp_path)[1]

    assert len(log.ignored) == 501
    assert sum(log.ignored.values()) == 600
    assert log.ignored["of other kinds"] == 100


# --- patterns


@pytest.mark.parametrize(
    ("include", "exclude", "ids"),
    [
        (["*.md"], [], {"a/c.md"}),
        (["*.txt", "a/"], [], {"b.txt", "a/c.md"}),
        (["/*.txt"], [], {"b.txt"}),
        (["**/c.*"], [], {"a/c.md"}),
        (["*"], [], {"b.txt", "d", "a/c.md"}),
        ([], ["a/"], {"b.txt", "d"}),
        ([], ["*.jsonl", "c*"], {"b.txt"}),
        (["*.md", "*.txt"], ["/a"], {"b.txt"}),
        (["*", "!*.txt"], [], {"d", "a/c.md"}),
        (["nothing"], [], set()),
        ([], ["*"], set()),
    ],
)
def test_patterns_choose_the_files_of_a_folder(
    news: Path, include: list[str], exclude: list[str], ids: set[str]
) -> None:
    log = ReadingLog()
    found = {article.id for article in read_articles(news, log=log, include=include, exclude=exclude)}

    assert found == ids
    assert log.ignored == ({"excluded": 3 - len(ids)} if len(ids) < 3 else {})
    assert (log.problems, log.notes) == ([], [])


def test_what_is_in_a_folder_that_is_excluded_is_not_looked_at(news: Path) -> None:
    (news / "a" / "link").symlink_to(news)
    write(news / "a" / "b" / "broken.jsonl", "broken")
    log = ReadingLog()

    assert {article.id for article in read_articles(news, log=log, exclude=["a/"])} == {"b.txt", "d"}
    assert (log.problems, log.notes, log.ignored) == ([], [], {"excluded": 1})


def test_patterns_match_below_a_glob_and_not_a_file_that_is_named(news: Path) -> None:
    assert [article.id for article in read_articles(f"{news}/**/*", exclude=["/a/"])] == ["b.txt", "d"]
    assert [article.id for article in read_articles(news / "b.txt", exclude=["*.txt"])] == ["b.txt"]


@pytest.mark.parametrize("pattern", ["", " ", "\ud800", "x" * 1001])
def test_what_is_no_pattern_is_refused(news: Path, pattern: str) -> None:
    with pytest.raises(ValueError, match="a pattern of files is text"):
        list(read_articles(news, include=[pattern]))


def test_a_pattern_that_means_nothing_is_refused(news: Path) -> None:
    with pytest.raises(ValueError, match="Invalid git pattern"):
        list(read_articles(news, exclude=["!"]))


def test_a_folder_may_have_a_name_like_a_file(tmp_path: Path) -> None:
    write(tmp_path / "old.txt" / "a.md", "The text of a.")

    assert read(tmp_path)[0] == {"old.txt/a.md": "The text of a."}


def test_a_named_pipe_is_not_waited_for(news: Path) -> None:
    os.mkfifo(news / "pipe.txt")

    texts, log = read(news)
    assert set(texts) == {"b.txt", "a/c.md", "d"}
    assert log.notes == [f"{news / 'pipe.txt'}: not read: it is no regular file"]
    assert set(read(f"{news}/*.txt")[0]) == {"b.txt"}
    with pytest.raises(CorpusError, match=r"is neither a folder nor a regular file$"):
        read(news / "pipe.txt")


# --- links


def test_a_link_in_a_circle_is_passed_over_and_noted(news: Path) -> None:
    (news / "a" / "again").symlink_to(news)

    texts, log = read(news)

    assert set(texts) == {"b.txt", "a/c.md", "d"}
    assert log.notes == [f"{news / 'a' / 'again'}: {LINK}"]
    assert log.problems == []


def test_a_link_that_leads_to_itself_is_passed_over_and_noted(news: Path) -> None:
    (news / "self.txt").symlink_to(news / "self.txt")

    texts, log = read(news)

    assert set(texts) == {"b.txt", "a/c.md", "d"}
    assert log.notes == [f"{news / 'self.txt'}: {LINK}"]


@pytest.mark.parametrize("pattern", ["", "*", "**/*"])
def test_a_link_out_of_the_corpus_is_not_followed(news: Path, tmp_path: Path, pattern: str) -> None:
    secret = write(tmp_path / "secret" / "e.txt", "secret")
    (news / "e.txt").symlink_to(secret)
    (news / "folder").symlink_to(secret.parent)

    texts, log = read(os.path.join(news, pattern))  # noqa: PTH118 - a pattern is text

    assert "secret" not in texts.values()
    assert f"{news / 'e.txt'}: {LINK}" in log.notes


def test_a_glob_does_not_walk_a_link_in_a_circle(news: Path) -> None:
    # The glob module follows links until a path is too long; with two of them that takes longer than anyone waits.
    (news / "a" / "again").symlink_to(news / "a")

    texts, log = read(f"{news}/**/*.md")

    assert set(texts) == {"a/c.md"}
    assert len(log.notes) <= 1


def test_a_file_may_be_named_through_a_link(news: Path, tmp_path: Path) -> None:
    (tmp_path / "link.txt").symlink_to(news / "b.txt")

    assert read(tmp_path / "link.txt")[0] == {"link.txt": "The text of b."}


# --- files and globs


def test_a_file_is_read_by_its_suffix(news: Path) -> None:
    assert read(news / "z.jsonl")[0] == {"d": "The text of d."}
    assert read(str(news / "b.txt"))[0] == {"b.txt": "The text of b."}


def test_several_sources_are_read_in_the_order_given(news: Path) -> None:
    assert list(read(news / "z.jsonl", news / "a", news / "b.txt")[0]) == ["d", "a/c.md", "news/b.txt"]


def test_files_of_one_name_in_several_folders_have_ids_that_differ(tmp_path: Path) -> None:
    for folder in ("y21", "y22", "old/y22"):
        write(tmp_path / folder / "01.txt", f"The text of {folder}.")

    assert read(tmp_path / "y21", tmp_path / "y22")[0] == {
        "y21/01.txt": "The text of y21.",
        "y22/01.txt": "The text of y22.",
    }
    assert read(f"{tmp_path}/y21/*.txt", tmp_path / "y22" / "01.txt")[0] == {
        "y21/01.txt": "The text of y21.",
        "y22/01.txt": "The text of y22.",
    }
    assert read(tmp_path / "y22", tmp_path / "old" / "y22")[0] == {
        f"{tmp_path.name}/y22/01.txt": "The text of y22.",
        "old/y22/01.txt": "The text of old/y22.",
    }


def test_a_folder_named_by_dots_is_called_what_it_is(news: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(news / "a")

    assert list(read(".", "../b.txt")[0]) == ["a/c.md", "news/b.txt"]


def test_sources_in_one_folder_have_the_ids_that_the_folder_gives(news: Path) -> None:
    assert list(read(f"{news}/*.txt", news / "z.jsonl", f"{news}/a*/*.md")[0]) == ["b.txt", "d", "a/c.md"]


def test_a_file_that_two_sources_reach_is_read_once_and_noted(news: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(news)
    first = str(news / "b.txt")

    texts, log = read(first, news, tmp_path / "link" / "b.txt")

    assert texts == {"news/b.txt": "The text of b.", "d": "The text of d.", "news/a/c.md": "The text of c."}
    assert log.notes == [
        f"{place}: not read again: it is the same file as {first}" for place in (first, tmp_path / "link" / "b.txt")
    ]
    assert log.problems == []


@pytest.mark.parametrize(
    ("pattern", "ids"),
    [
        ("*.txt", ["b.txt"]),
        ("*", ["b.txt", "d"]),
        ("**/*.md", ["a/c.md"]),
        ("[a-m].*", ["b.txt"]),
        ("?/c.md", ["a/c.md"]),
        ("**/*", ["a/c.md", "b.txt", "d"]),
    ],
)
def test_a_glob_reads_the_files_that_match(news: Path, pattern: str, ids: list[str]) -> None:
    texts, log = read(f"{news}/{pattern}")

    assert list(texts) == ids
    assert log.problems == []


@pytest.mark.parametrize("pattern", ["news/*/*.md", "./news/*/*.md", "../{parent}/news/*/*.md", "news/../news/*/*.md"])
def test_a_glob_may_be_relative(news: Path, pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(news.parent)

    assert read(pattern.format(parent=news.parent.name))[0] == {"a/c.md": "The text of c."}


def test_a_file_whose_name_looks_like_a_glob_is_read_as_a_file(tmp_path: Path) -> None:
    write(tmp_path / "a[1].txt", "One.")
    write(tmp_path / "a1.txt", "Two.")

    assert read(tmp_path / "a[1].txt")[0] == {"a[1].txt": "One."}


def test_a_glob_counts_the_files_of_other_formats(news: Path) -> None:
    write(news / "one.png", "not read")

    assert read(f"{news}/*.png")[1].ignored == {".png": 1}


# --- sources that are none


@pytest.mark.parametrize("name", ["missing", "missing.txt", "missing/a.md", "x" * 300, "b.txt/c.md"])
def test_a_source_that_does_not_exist_is_named(news: Path, name: str) -> None:
    with pytest.raises(CorpusError, match="no such file or folder") as error:
        read(news / name)

    assert error.value.place == str(news / name)


@pytest.mark.parametrize("pattern", ["*.html", "missing/*.md", "**/missing.txt", "[xy].txt"])
def test_a_glob_without_a_match_is_named(news: Path, pattern: str) -> None:
    with pytest.raises(CorpusError, match=r"no file matches this pattern$") as error:
        read(f"{news}/{pattern}")

    assert error.value.place == f"{news}/{pattern}"


def test_a_file_of_another_format_is_refused_with_the_formats(news: Path) -> None:
    write(news / "one.exe", "not read")

    with pytest.raises(CorpusError) as error:
        read(news / "one.exe")

    assert {".csv", ".jsonl", ".md", ".txt"} <= FORMATS.keys()
    said = f"cannot be read: the formats are {', '.join(sorted(FORMATS))}; packed they end with .bz2, .gz, .xz"
    assert str(error.value) == f"{news / 'one.exe'}: {said}"


def test_a_link_to_nothing_is_a_source_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "link.txt").symlink_to(tmp_path / "nothing.txt")

    with pytest.raises(CorpusError, match="no such file or folder"):
        read(tmp_path / "link.txt")


def test_a_path_with_a_nul_character_is_refused() -> None:
    with pytest.raises(CorpusError, match="must not contain NUL characters"):
        read("a\x00b")


def test_an_empty_path_does_not_mean_the_current_folder(news: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(news)

    with pytest.raises(CorpusError):
        read("")


# --- what cannot be read


def forbid(path: Path) -> None:
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root may read everything")


def test_a_file_without_permission_is_a_problem_and_the_rest_is_read(news: Path) -> None:
    forbid(news / "b.txt")

    texts, log = read(news)

    assert set(texts) == {"a/c.md", "d"}
    assert [str(problem) for problem in log.problems] == [f"{news / 'b.txt'}: cannot be read (Permission denied)"]


def test_a_folder_without_permission_is_a_problem_and_the_rest_is_read(news: Path) -> None:
    forbid(news / "a")

    texts, log = read(news)

    assert set(texts) == {"b.txt", "d"}
    assert [problem.place for problem in log.problems] == [str(news / "a")]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not allow such names")
def test_a_file_name_that_is_no_text_is_a_problem_and_the_rest_is_read(news: Path) -> None:
    Path(os.fsdecode(os.fsencode(news) + b"/caf\xe9.txt")).write_text("The text of e.", encoding="utf-8")

    texts, log = read(news)

    assert set(texts) == {"b.txt", "a/c.md", "d"}
    assert [problem.place for problem in log.problems] == [f"{news}/caf\udce9.txt"]
    assert "its name is not UTF-8" in log.problems[0].reason


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not allow such names")
def test_a_folder_whose_name_is_no_text_is_a_problem_also_of_articles_with_ids(news: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(news) + b"/caf\xe9"))
    write(folder / "e.jsonl", '{"id": "e", "text": "The text of e."}')

    texts, log = read(news)

    assert set(texts) == {"b.txt", "a/c.md", "d"}
    assert [problem.place for problem in log.problems] == [f"{news}/caf\udce9/e.jsonl"]


@pytest.mark.parametrize("source", ["\ud800", "\ud800/*.txt", "**/\ud800"])
def test_half_of_a_surrogate_pair_names_no_file(source: str) -> None:
    with pytest.raises(CorpusError, match=r"is no name that a file can have$"):
        read(source)


def test_a_folder_may_be_deeper_than_the_stack(news: Path) -> None:
    folders = [f"{news}/{'d/' * depth}" for depth in range(1, 1201)]
    for folder in folders:
        os.mkdir(folder)  # noqa: PTH102 - nothing that calls itself for each level
    file = write(Path(folders[-1]) / "e.txt", "The text of e.")
    try:
        assert read(news)[0][f"{'d/' * 1200}e.txt"] == "The text of e."
    finally:
        file.unlink()
        for folder in reversed(folders):
            os.rmdir(folder)  # noqa: PTH106


def test_the_first_problem_is_raised_where_no_log_takes_it(news: Path) -> None:
    write(news / "a.jsonl", "broken\n")

    with pytest.raises(CorpusError) as error:
        list(read_articles(news))

    assert error.value.place == f"{news / 'a.jsonl'}:1"


def test_articles_are_read_one_by_one(news: Path) -> None:
    articles = read_articles(news)

    assert next(articles) == Article(id="b.txt", text="The text of b.")
    (news / "z.jsonl").unlink()
    with pytest.raises(CorpusError, match=r"z\.jsonl: cannot be read"):
        next(articles)


# --- standard input

STDIN = """
import semsearch
for article in semsearch.read_articles("-"):
    print(article.id, article.title, article.text, article.metadata, sep="|")
"""


def from_stdin(piped: bytes) -> list[str]:
    run = subprocess.run([sys.executable, "-c", STDIN], input=piped, capture_output=True, check=False)
    assert run.stderr.decode() == ""
    return run.stdout.decode().splitlines()


@pytest.mark.parametrize(
    ("piped", "lines"),
    [
        (b"Arrival\n\nThe troops arrived.\n", ["stdin|Arrival|The troops arrived.|{}"]),
        (b"---\ntitle: Arrival\nday: 1\n---\nThe troops arrived.", ["stdin|Arrival|The troops arrived.|{'day': 1}"]),
        (b'{"_id": "a", "text": "One."}\n\n{"text": "Two."}', ["a||One.|{}", "stdin:3||Two.|{}"]),
        (b'\xef\xbb\xbf{"text": "One."}', ["stdin:1||One.|{}"]),
        (b"\xef\xbb\xbf---\ntitle: Arrival\n---\nThe troops.", ["stdin|Arrival|The troops.|{}"]),
        ("Ärger über Öl.".encode("utf-16"), ["stdin||Ärger über Öl.|{}"]),
        ('{"text": "Ärger."}\n{"text": "Öl."}'.encode("utf-16"), ["stdin:1||Ärger.|{}", "stdin:2||Öl.|{}"]),
    ],
    ids=["plain", "markdown", "json-lines", "json-lines-with-mark", "markdown-with-mark", "utf-16", "json-utf-16"],
)
def test_standard_input_is_read_as_the_format_that_it_begins_like(piped: bytes, lines: list[str]) -> None:
    assert from_stdin(piped) == lines


def test_standard_input_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"The troops arrived."))
    monkeypatch.setattr(sys, "stdin", stdin)

    assert read("-")[0] == {"stdin": "The troops arrived."}
    assert not stdin.closed


def test_a_problem_of_standard_input_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "One."}\n{"text": \n')))

    texts, log = read("-")

    assert texts == {"stdin:1": "One."}
    assert [problem.place for problem in log.problems] == ["standard input:2"]
