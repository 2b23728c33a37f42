"""`python -m infra.lambda_package` as a person sees it."""

import pytest

from infra.lambda_package import __main__ as command


def test_ctrl_c_ends_without_a_stack_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.argv", ["lambda_package", "--arch", "native"])
    monkeypatch.setattr(command, "build_package", interrupted)

    assert command.main() == 130
    assert "stopped; no package was made" in capsys.readouterr().err
