import pytest

from tests.services.load import serve_under_load


@pytest.mark.parametrize(
    "where, options",
    [
        ("", ()),
        ("tcp:0:interface=127.0.0.1", ()),
        ("tcp:0:interface=127.0.0.1", ("--reuse-port",)),
        ("unix:app.sock", ()),
    ],
    ids=["a service's own port", "a shared port", "SO_REUSEPORT", "a UNIX socket"],
)
def test_an_application_under_load_reloads_and_stops_without_losing_a_request(tmp_path, monkeypatch, where, options):
    monkeypatch.chdir(tmp_path)

    load, code = serve_under_load(tmp_path, connections=150, clients=8, where=where, options=options, reloads=2)

    assert load.losses == []
    assert load.counts["answers"] == load.counts["requests"] >= 150 * 5
    assert len(load.answered_by) > 2
    assert load.counts["refused"] == 8
    assert code == 0
    assert [path.name for path in tmp_path.iterdir() if path.suffix not in (".py", "")] == []
