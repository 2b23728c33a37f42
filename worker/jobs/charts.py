"""The states of a job and of its steps, and which named moves lead from one to another.

The charts; a test checks that they and the tables below list the same edges.

    job
               a            b               c                d
        (new) ───► accepted ───► running ───────► announcing ───► succeeded
                     │ ↺ g        ▲ ↺ f, g        ▲ ↺ g │
                     │            │               │     │    e
                     │            │               │     └───────► failed
                     └────────────┼───────────────┘                 │
                           c      └─────────────────────────────────┘
                                                 h

    a  accept            the request is valid and its id is new: recorded before anything else
    b  await_pipelines, carry_on   all that can be paid for now is running: one poll message takes
                         over, or it is in hand already, since it carried the job that far
    c  settle            the verdict and its event are fixed; no second verdict can follow
    d  finish            succeeded event published
    e  finish            failed event published and dead letter sent
    f  await_pipelines   the request came again: a new poll message replaces the one before
    g  wake              nothing may be left that wakes it: a new poll message carries it on
    h  reopen            a person redrives it: it goes on where it stood, its steps by i to l

    step
         ┌───────────────── n ─────────────────────────────┐
         │ ┌─────────────── o ───────────────────────────┐ │
         │ ▼     a               c              d        │ ▼
        planned ───► submitting ───► running ───────► completed
       │ ▲ ▲         │ │ ▲ ▲ │        │ ▲ ▲       j       │
       │ │ └─────────┘ └─┘ │ │        │ │ └───────────────┘
       │ │     b     g, h, k │        │ │    i
       │ │                 │ │        │ └────────┐
       │ │                 │ │        └───────► failed
       │ │                 │ │            e     ▲│  │▲
       │ │                 │ └──────── q ───────┘│  ││
       │ │                 └────────── r ────────┘  ││
       │ └──────────────── l, p ────────────────────┘│
       └────────────────── m ────────────────────────┘

    a  intend            the intent to pay is recorded, before the call
    b  withdraw          the call is known to have cost nothing (not sent, or refused)
    c  start, adopt      the pipeline id is known: answered, or found by its key
    d  complete          Hautech says completed; the output is recorded
    e  give_up           Hautech says failed, or it took too long, or the output is unusable
    g  lose_answer, look_in_vain   the answer is unknown; the list does not show the key
    h  intend_again, take_back   two looks found nothing: the one second call is recorded;
                         it cost nothing after all, and the first is as unknown as before
    i  poll_on           reopened: it was given up here, and Hautech did not say failed
    j  read_again        reopened: its output was not usable, or did not fit into the record
    k  ask_again         reopened: it is looked for again; found nowhere, it is sent once more
    l  run_anew          reopened: Hautech itself says that the run failed; the next one is paid. Or
                         it was refused, and none was paid
    m  refuse            Hautech refuses this one of several variants; the others go on
    n  reuse             another job had paid for the same: nothing is submitted
    o  forget            what was reused has vanished at Hautech
    p  renew             the run failed for something reused that had vanished; the next one is paid
    q  do_without        whether this one of several variants was started cannot be found out; the
                         others go on, and its intent is kept
    r  look_anew         reopened: it is looked for again; found nowhere, it is sent once more
"""

from __future__ import annotations

from collections.abc import Mapping

from worker.jobs.job import JobState, StepState

JOB_MOVES: Mapping[str, frozenset[tuple[JobState | None, JobState]]] = {
    "accept": frozenset({(None, JobState.ACCEPTED)}),
    "await_pipelines": frozenset(
        {(JobState.ACCEPTED, JobState.RUNNING), (JobState.RUNNING, JobState.RUNNING)}
    ),
    "carry_on": frozenset({(JobState.ACCEPTED, JobState.RUNNING)}),
    "wake": frozenset(
        (state, state) for state in (JobState.ACCEPTED, JobState.RUNNING, JobState.ANNOUNCING)
    ),
    "settle": frozenset(
        {(JobState.ACCEPTED, JobState.ANNOUNCING), (JobState.RUNNING, JobState.ANNOUNCING)}
    ),
    "finish": frozenset(
        {(JobState.ANNOUNCING, JobState.SUCCEEDED), (JobState.ANNOUNCING, JobState.FAILED)}
    ),
    "reopen": frozenset({(JobState.FAILED, JobState.RUNNING)}),
}

STEP_MOVES: Mapping[str, tuple[StepState, StepState]] = {
    "intend": (StepState.PLANNED, StepState.SUBMITTING),
    "withdraw": (StepState.SUBMITTING, StepState.PLANNED),
    "start": (StepState.SUBMITTING, StepState.RUNNING),
    "adopt": (StepState.SUBMITTING, StepState.RUNNING),
    "complete": (StepState.RUNNING, StepState.COMPLETED),
    "give_up": (StepState.RUNNING, StepState.FAILED),
    "refuse": (StepState.PLANNED, StepState.FAILED),
    "lose_answer": (StepState.SUBMITTING, StepState.SUBMITTING),
    "look_in_vain": (StepState.SUBMITTING, StepState.SUBMITTING),
    "intend_again": (StepState.SUBMITTING, StepState.SUBMITTING),
    "take_back": (StepState.SUBMITTING, StepState.SUBMITTING),
    "poll_on": (StepState.FAILED, StepState.RUNNING),
    "read_again": (StepState.COMPLETED, StepState.RUNNING),
    "ask_again": (StepState.SUBMITTING, StepState.SUBMITTING),
    "run_anew": (StepState.FAILED, StepState.PLANNED),
    "do_without": (StepState.SUBMITTING, StepState.FAILED),
    "look_anew": (StepState.FAILED, StepState.SUBMITTING),
    "renew": (StepState.FAILED, StepState.PLANNED),
    "reuse": (StepState.PLANNED, StepState.COMPLETED),
    "forget": (StepState.COMPLETED, StepState.PLANNED),
}
