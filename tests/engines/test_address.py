"""Addresses of indexes: what they name, what is none, and that nothing shows a password."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch.addresses import is_address, shown
from semsearch.engines import Address, open_engine, parse_address

SECRET = "s3cr3t"  # noqa: S105 - no password of anything
ODD, LONG = "@:/?#%", "a@b:c"


def address(scheme: str = "postgresql", host: str = "host", name: str = "semsearch", **parts: object) -> Address:
    wanted: dict[str, object] = {"port": None, "user": None, "password": None, "database": ""}
    return Address(scheme=scheme, host=host, name=name, **{**wanted, **parts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://host/news", address(database="news")),
        ("postgres://host/news?index=Archive_2", address(database="news", name="archive_2")),
        ("PostgreSQL://HOST:5433/db", address(port=5433, database="db")),
        ("postgresql://", address(host="")),
        ("postgresql:///db", address(host="", database="db")),
        ("postgresql://me@host", address(user="me")),
        ("postgresql://me:s3cr3t@host/db", address(user="me", password=SECRET, database="db")),
        ("postgresql://m%40e:%40%3A%2F%3F%23%25@host/d%2Fb", address(user="m@e", password=ODD, database="d/b")),
        ("postgresql://me:a@b:c@host/db", address(user="me", password=LONG, database="db")),
        ("postgresql://host/db?user=me&password=s3cr3t", address(user="me", password=SECRET, database="db")),
        ("postgresql://[::1]:5432/db", address(host="::1", port=5432, database="db")),
        ("postgresql://me@[2001:DB8::1]/db", address(host="2001:db8::1", user="me", database="db")),
        ("postgresql://%2FVar%2Frun/db", address(host="/Var/run", database="db")),
        ("postgresql://one,two:5432/db", address(host="one,two", port=5432, database="db")),
        ("postgresql://host/db?timeout=2.5", address(database="db", timeout=2.5)),
        ("postgresql://h/db?sslmode=require&connect_timeout=3&index=x&application_name=a@b",
         address(host="h", database="db", name="x",
                 options={"sslmode": "require", "connect_timeout": "3", "application_name": "a@b"})),
        ("milvus://host:19530/news", address("milvus", port=19530, name="news")),
        ("milvus+tls://me:s3cr3t@host/news?database=d",
         address("milvus+tls", user="me", password=SECRET, name="news", database="d")),
        ("milvus://127.0.0.1/_n?consistency=Strong",
         address("milvus", "127.0.0.1", name="_n", options={"consistency": "Strong"})),
        ("milvus://[fe80::1]:1/n/", address("milvus", "fe80::1", port=1, name="n")),
        ("milvus-lite:///folder/lite.db/news", address("milvus-lite", "/folder/lite.db", "news")),
        ("milvus-lite://folder/lite.db/news", address("milvus-lite", "folder/lite.db", "news")),
        ("milvus-lite:///a%20b/%C3%A9.db/news", address("milvus-lite", "/a b/é.db", "news")),
        ("milvus-lite:///C:/data/lite.db/news", address("milvus-lite", "C:/data/lite.db", "news")),
    ],
)  # fmt: skip
def test_an_address_names_what_it_names(text: str, expected: Address) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("index", "an address begins with the name of an engine"),
        ("postgresql:host", "an address begins with the name of an engine"),
        ("mysql://host/db", "there is no engine 'mysql'"),
        ("http://host/db", "there is no engine 'http'"),
        ("milvus:///news", "names no machine: write milvus://host/news"),
        ("milvus://host", "an index is named by at most 40 letters, digits and underscores, not ''"),
        ("milvus://host/news/more", "not 'news/more'"),
        ("milvus-lite:///news", "names no file"),
        ("postgresql://host/db?index=", "not ''"),
        ("postgresql://host/db?index=my-index", "not 'my-index'"),
        ("postgresql://host/db?index=1st", "not '1st'"),
        ("postgresql://host/db?index=" + "x" * 41, "not 'x"),
        ("postgresql://host/db?index=a%3Bb", "not 'a;b'"),
        ("postgresql://host/db?index=é", "not 'é'"),
        ("postgresql://host:port/db", "no valid port"),
        ("postgresql://host:65536/db", "no valid port"),
        ("postgresql://host:-1/db", "no valid port"),
        ("postgresql://one:1,two:2/db", "no valid port"),
        ("postgresql://[::1/db", "cannot be read"),
        ("postgresql://host/db?timeout=0", "timeout is a number of seconds, not '0'"),
        ("postgresql://host/db?timeout=nan", "not 'nan'"),
        ("postgresql://host/db?timeout=soon", "not 'soon'"),
        ("postgresql://host/db?timeout=86400", "not '86400'"),
        ("postgresql://host/db#part", "# %23"),
        ("postgresql://host/db?=x", "names with values"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, message: str) -> None:
    for read in (parse_address, open_engine):
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - what it says is looked at
            read(text)
        assert message in str(caught.value)


# --- passwords --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "milvus", "milvus+tls"])
@pytest.mark.parametrize("user", ["me", "", "m%40e"])
def test_a_password_is_shown_nowhere(scheme: str, user: str) -> None:
    for text in (f"{scheme}://{user}:{SECRET}@host/name", f"{scheme}://host/name?user=me&password={SECRET}&x=1"):
        where = parse_address(text)
        assert where.password == SECRET
        assert not any(SECRET in form for form in (str(where), repr(where), f"{where}", shown(text)))
    where = parse_address(f"{scheme}://host/name?token={SECRET}&sslpassword={SECRET}")
    assert where.options == {"token": SECRET, "sslpassword": SECRET}
    assert not any(SECRET in form for form in (str(where), repr(where)))
    assert shown(f"{scheme}://host/name?token={SECRET}&x=1") == f"{scheme}://host/name?token=***&x=1"


@pytest.mark.parametrize("scheme", ["postgresql", "milvus"])
@pytest.mark.parametrize("cut", [*"/?#@:%[]&=\\ ", "1/", "1?", "1#", "1@", "1:", "1/?x=", "1?x=", "1?x&", "//", "％／"])
@pytest.mark.parametrize("host", ["host", "host:1", "[::1]", "host:port", ""])
def test_no_message_shows_a_password_that_cannot_be_read(scheme: str, cut: str, host: str) -> None:
    for password in (cut + SECRET, SECRET + cut, SECRET + cut + SECRET):
        text = f"{scheme}://me:{password}@{host}/name"
        assert SECRET not in shown(text)
        error, where = outcome(text)
        if error is not None:
            assert SECRET not in str(error)
            assert error.__cause__ is None
            assert error.__suppress_context__ or error.__context__ is None
        else:
            assert where is not None
            assert where.password == password
            assert SECRET not in str(where)
            assert SECRET not in repr(where)


def outcome(text: str) -> tuple[ValueError | None, Address | None]:
    try:
        return None, parse_address(text)
    except ValueError as error:
        return error, None


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(min_size=1, alphabet="aé:@/ %"))
def test_any_password_can_be_written(password: str, user: str) -> None:
    text = f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@host/db"
    where = parse_address(text)
    assert (where.user, where.password, where.host, where.database) == (user, password, "host", "db")
    assert shown(text) == str(where).partition("?")[0]


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://m%40e:x@one,two:5432/d%2Fb?index=n",
        "postgresql://%2Fvar%2FRun/db",
        "postgresql://me@[::1]:1/db",
        "postgresql://",
        "milvus://me@[::1]:1/n?database=a%26b",
        "milvus+tls://host/n",
        "milvus-lite:///a%20b/%25.db/n",
        "milvus-lite://lite.db/n",
    ],
)
def test_what_is_shown_can_be_read_again(text: str) -> None:
    where = parse_address(text)
    again = parse_address(str(where))
    assert (again.scheme, again.host, again.port, again.user, again.database, again.name) == (
        where.scheme, where.host, where.port, where.user, where.database, where.name,
    )  # fmt: skip
    assert str(again) == str(where)


# --- folders ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "index",
    ["index", "./index", "/data/index", "C:\\index", "C:/index", "c://index", "\\\\server\\share", "a:b", "x:/y@z",
     "postgresql", "milvus:/host", "", "://", "1a://x", Path("postgresql://host/db"), Path("index")],
)  # fmt: skip
def test_what_is_no_address_is_a_folder(index: str | Path) -> None:
    assert not is_address(index)
    assert shown(index) == str(index)


@pytest.mark.parametrize(
    "index", ["postgresql://", "milvus://h/n", "milvus+tls://h", "milvus-lite:///x/y", "mysql://x"]
)
def test_what_names_an_engine_is_an_address(index: str) -> None:
    assert is_address(index)
    assert shown(index) == index
