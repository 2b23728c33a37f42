"""A 403 on a call with the caller's ids: the operator's matter or one job's, as the account tells."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from worker import errors as ours
from worker.adapters.hautech_access import PROBE_S, REMEMBER_S
from worker.adapters.hautech_gateway import HautechGateway
from worker.hautech import errors as theirs
from worker.hautech.models import Account
from worker.hautech.upload import UPLOAD_FINALIZE, UPLOAD_INITIALIZE
from worker.ports.generation import ImageUpload

IMAGE = ImageUpload(
    open=lambda: io.BytesIO(b"png"), filename="a.png", content_type="image/png", size_bytes=3
)
RUN = "/v1/workflows/run/w-1"
FINALIZE = UPLOAD_FINALIZE.path_template


class Hautech:
    """Refuses every call with 403; what the account says is up to the test."""

    def __init__(self, account: Account | Exception, target: str = RUN) -> None:
        self.account = account
        self.target = target
        self.probes = 0
        self.now_s = 1000.0
        self.gateway = HautechGateway(self, monotonic=lambda: self.now_s)  # type: ignore[arg-type] # a stand-in

    def get_account(self, *, deadline_s: float) -> Account:
        assert deadline_s == PROBE_S
        self.probes += 1
        if isinstance(self.account, Exception):
            raise self.account
        return self.account

    def _refuse(self) -> Any:
        raise theirs.PermissionDeniedError("Forbidden", target=self.target, status=403)

    def run_workflow(self, *_: Any, **__: Any) -> Any:
        return self._refuse()

    def upload_image(self, *_: Any, **__: Any) -> Any:
        return self._refuse()

    def call(self) -> object:
        return self.gateway.run("w-1", {}, {}) if self.target == RUN else self.gateway.upload(IMAGE)

    def verdict(self) -> ours.WorkerError:
        with pytest.raises(ours.WorkerError) as caught:
            self.call()
        assert isinstance(caught.value.__cause__, theirs.PermissionDeniedError)
        return caught.value


def account(*permissions: str, lists: bool = True) -> Account:
    return Account("a-1", permissions=permissions, lists_permissions=lists)


@pytest.mark.parametrize("target", [RUN, FINALIZE])
@pytest.mark.parametrize("kind", [theirs.AuthenticationError, theirs.PermissionDeniedError])
def test_a_token_that_may_not_even_read_its_account_is_refused(
    kind: type[theirs.HautechError], target: str
) -> None:
    verdict = Hautech(kind("no", status=401), target).verdict()
    assert type(verdict) is ours.CredentialsRefusedError
    assert "account itself" in verdict.message


@pytest.mark.parametrize(
    ("target", "needed", "has"),
    [(RUN, "workflows:execute", "images:create"), (FINALIZE, "images:create", "workflows:execute")],
)
def test_a_permission_that_is_not_listed_is_named(target: str, needed: str, has: str) -> None:
    verdict = Hautech(account(has), target).verdict()
    assert type(verdict) is ours.CredentialsRefusedError
    assert f"lacks the permission {needed}" in verdict.message


@pytest.mark.parametrize("target", [RUN, FINALIZE])
@pytest.mark.parametrize("found", [account("*"), account(lists=False)], ids=["all", "no list"])
def test_otherwise_only_this_job_fails_and_both_causes_are_named(
    found: Account, target: str
) -> None:
    verdict = Hautech(found, target).verdict()
    assert type(verdict) is ours.HautechRefusedError
    assert "belongs to another account" in verdict.message
    assert "lacks the permission" in verdict.message


def test_an_account_that_cannot_be_read_now_leaves_it_the_operators_matter() -> None:
    verdict = Hautech(theirs.ServerError("busy", status=503)).verdict()
    assert type(verdict) is ours.CredentialsRefusedError


def test_the_first_step_of_an_upload_holds_no_id_and_asks_for_no_account() -> None:
    hautech = Hautech(account("*"), UPLOAD_INITIALIZE.path_template)
    assert type(hautech.verdict()) is ours.CredentialsRefusedError
    assert hautech.probes == 0


@pytest.mark.parametrize("found", [account("*"), theirs.ServerError("busy")], ids=["told", "not"])
def test_the_account_is_read_once_a_minute(found: Account | Exception) -> None:
    hautech = Hautech(found)
    verdicts = {type(hautech.verdict()) for _ in range(10)}
    hautech.now_s += REMEMBER_S - 1
    verdicts.add(type(hautech.verdict()))
    assert (len(verdicts), hautech.probes) == (1, 1)
    hautech.now_s += 1
    hautech.account = account("images:read")
    assert type(hautech.verdict()) is ours.CredentialsRefusedError
    assert hautech.probes == 2


def test_threads_share_one_reading_of_the_account() -> None:
    hautech = Hautech(account("*"))
    together = threading.Barrier(4)

    def ask() -> type[ours.WorkerError]:
        together.wait(30)
        return type(hautech.verdict())

    with ThreadPoolExecutor(4) as threads:
        verdicts = [one.result(30) for one in [threads.submit(ask) for _ in range(4)]]
    assert set(verdicts) == {ours.HautechRefusedError}
    assert hautech.probes == 1
