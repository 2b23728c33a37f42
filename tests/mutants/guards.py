"""The guards between the service and a second payment, a lost request or a leak: each taken out.

Ten guards; where one stands in several places, each place has a mutant of its own.
"""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_SUBMIT = "worker/engine/submit.py"
_DYNAMODB = "worker/adapters/aws/dynamodb.py"
_AROUND_THE_CALL = "tests/scenarios/test_crashes.py::test_a_kill_around_the_paid_call_is_repaired_when_the_list_lags"
_KEY_LOST = "tests/scenarios/test_crashes.py::test_a_kill_after_the_paid_call_is_repaired_when_the_run_lost_our_key"
_TROUBLE = "tests/scenarios/test_trouble.py"
_STORE = "tests/adapters/test_job_store.py"
_ECHO = "tests/adapters/test_dynamodb.py"

MUTANTS = (
    Mutant(
        guard="lease",
        name="a job that another worker holds is taken from it",
        path=_DYNAMODB,
        old="OR leaseUntil <= :at)",
        new="OR leaseUntil <= :at OR leaseUntil > :at)",
        tests=(f"{_STORE}::test_held_job_cannot_be_taken_and_says_until_when[moto]",),
    ),
    Mutant(
        guard="lease",
        name="a save does not ask whose lease it is",
        path=_DYNAMODB,
        old="        if job.lease is not None:\n            condition +=",
        new="        if False:\n            condition +=",
        tests=(f"{_STORE}::test_save_by_another_owner_is_refused[moto]",),
    ),
    Mutant(
        guard="lease",
        name="a worker that slept through its lease pays all the same",
        path=_SUBMIT,
        old="    held.check_lease(world.rules.paid_call_s)\n",
        new="",
        tests=(_TROUBLE,),
    ),
    Mutant(
        guard="lease",
        name="a process that is about to be frozen sends the paid call",
        path=_SUBMIT,
        old='        held.need(world.rules.paid_call_s, "the paid call")\n',
        new="",
        tests=("tests/scenarios/test_lost_lease.py",),
    ),
    Mutant(
        guard="intent",
        name="the paid call goes out before the intent is saved",
        path=_SUBMIT,
        old="    held.save(lease_s=max(world.rules.lease_s, longest_s))\n",
        new="",
        tests=(_AROUND_THE_CALL,),
    ),
    Mutant(
        guard="intent",
        name="a lost answer counts as a call that cost nothing",
        path=_SUBMIT,
        old="held.job = lose_answer(job, name, because=error.message, at=world.now())",
        new="held.job = withdraw(job, name, because=error.message, at=world.now())",
        tests=(_TROUBLE,),
    ),
    Mutant(
        guard="adopt",
        name="a run with our key is not recognised",
        path=_SUBMIT,
        old="if _key_of(run) == submission.key]",
        new="if _key_of(run) is submission]",
        tests=(_AROUND_THE_CALL,),
    ),
    Mutant(
        guard="adopt",
        name="a run that lost our key is not looked for by its input",
        path=_SUBMIT,
        old="    return _find_by_input(world, job, step, runs)",
        new="    return None",
        tests=(_KEY_LOST,),
    ),
    Mutant(
        guard="adopt",
        name="a step that sent nothing of its own adopts any run without a key",
        path=_SUBMIT,
        old="    if not step.bindings:\n        return None\n",
        new="",
        tests=(_TROUBLE,),
    ),
    Mutant(
        guard="adopt",
        name="a run with another label is taken for ours, for its images are shared",
        path=_SUBMIT,
        old="_without_nulls(given) == _without_nulls(sent)",
        new="given.items() >= sent.items()",
        tests=("tests/scenarios/test_reuse.py",),
    ),
    Mutant(
        guard="adopt",
        name="an image that others use is proof of whose a run is",
        path="worker/jobs/plan.py",
        old="        if (binding.image_uri or binding.step) not in shared\n",
        new="",
        tests=("tests/scenarios/test_reuse.py",),
    ),
    Mutant(
        guard="own token",
        name="a create whose answer was lost is a stranger's",
        path=_DYNAMODB,
        old="token_of(found) == token:\n            return None",
        new="token_of(found) is found:\n            return None",
        tests=(f"{_ECHO}::test_create_recognises_its_own_echo",),
    ),
    Mutant(
        guard="own token",
        name="a save whose answer was lost is a stranger's",
        path=_DYNAMODB,
        old="token_of(found) == token:\n            return saved",
        new="token_of(found) is found:\n            return saved",
        tests=(f"{_ECHO}::test_save_recognises_its_own_echo",),
    ),
    Mutant(
        guard="own token",
        name="a lease whose answer was lost is a stranger's",
        path=_DYNAMODB,
        old="token_of(found) == token:\n            return taken",
        new="token_of(found) is found:\n            return taken",
        tests=(f"{_ECHO}::test_take_lease_recognises_its_own_echo",),
    ),
    Mutant(
        guard="deterministic event id",
        name="a verdict gets another id each time",
        path="worker/jobs/keys.py",
        old='return digest_of("event", *_identity(job), status, *_redrive(job))',
        new='return digest_of("event", *_identity(job), status, str(__import__("uuid").uuid4()))',
        tests=("tests/unit/jobs/test_keys.py",),
    ),
    Mutant(
        guard="deterministic event id",
        name="a refusal gets another id each time",
        path="worker/jobs/keys.py",
        old='return digest_of("rejection", body)',
        new='return digest_of("rejection", body, str(__import__("uuid").uuid4()))',
        tests=("tests/unit/jobs/test_keys.py",),
    ),
    Mutant(
        guard="deterministic event id",
        name="the verdict is announced before it is saved",
        path="worker/engine/announce.py",
        old="at=at, because=because)\n    try:\n        held.save()\n",
        new="at=at, because=because)\n    try:\n        pass\n",
        tests=("tests/scenarios/test_holes.py",),
    ),
    Mutant(
        guard="verify before announce",
        name="nobody looks whether the output is in S3",
        path="worker/engine/collect.py",
        old="    verify(world, stored.uri, content)\n",
        new="",
        tests=(_TROUBLE,),
    ),
    Mutant(
        guard="verify before announce",
        name="an output of other bytes of the same size will do",
        path="worker/engine/storing.py",
        old="return (found.size_bytes, found.sha256) == (self.size_bytes, self.sha256)",
        new="return found.size_bytes == self.size_bytes",
        tests=(_TROUBLE,),
    ),
    Mutant(
        guard="conditional create",
        name="a second create overwrites the first job",
        path=_DYNAMODB,
        old='"attribute_not_exists(pk)"',
        new='"attribute_not_exists(nothing)"',
        tests=(
            f"{_STORE}::test_second_create_returns_the_first_job_and_leaves_it_untouched[moto]",
        ),
    ),
    Mutant(
        guard="conditional create",
        name="other content under a known id is taken for the same request",
        path="worker/engine/accept.py",
        old="if known.content_digest != job.content_digest:",
        new="if False:",
        tests=("tests/scenarios/test_bad_input.py",),
    ),
    Mutant(
        guard="stale poll check",
        name="a poll message that was replaced goes on polling",
        path="worker/engine/poll_messages.py",
        old=" or job.poll_ticket != poll_message.ticket",
        new="",
        tests=(_TROUBLE,),
    ),
    Mutant(
        guard="host check",
        name="links to any host are followed",
        path="worker/hautech/urls.py",
        old="        if host in self._hosts:\n",
        new="        if host:\n",
        tests=("tests/unit/hautech/test_urls.py",),
    ),
    Mutant(
        guard="host check",
        name="links without TLS are followed",
        path="worker/hautech/urls.py",
        old='        if parsed.scheme != "https":\n',
        new="        if not parsed.scheme:\n",
        tests=("tests/unit/hautech/test_urls.py",),
    ),
    Mutant(
        guard="bucket check",
        name="images are read from any bucket",
        path="worker/contracts/references.py",
        old='bucket_problem(place, uri, input_buckets, "WORKER_INPUT_BUCKETS")',
        new='bucket_problem(place, uri, frozenset({uri.bucket}), "WORKER_INPUT_BUCKETS")',
        tests=("tests/scenarios/test_bad_input.py",),
    ),
    Mutant(
        guard="bucket check",
        name="outputs are written to any bucket",
        path="worker/contracts/output_place.py",
        old='bucket_problem("output", uri, output_buckets, "WORKER_OUTPUT_BUCKETS")',
        new='bucket_problem("output", uri, frozenset({uri.bucket}), "WORKER_OUTPUT_BUCKETS")',
        tests=("tests/scenarios/test_bad_input.py",),
    ),
)

GUARDS = tuple(dict.fromkeys(mutant.guard for mutant in MUTANTS))
