from tests.unit.runtime.fakes import FakeQueue, message
from worker.runtime.queues import PatientDeletes


def test_only_deletes_take_the_patient_way() -> None:
    queue, deletes = FakeQueue(), FakeQueue()
    both = PatientDeletes(queue, deletes)
    queue.put(message("a"))
    assert both.receive(max_messages=10, wait_s=20, visibility_s=60) == [message("a")]
    assert both.delete_soon("receipt-a").result()
    assert both.change_visibility_soon("receipt-b", 3).result()
    assert (queue.deleted, queue.hidden) == ([], [("receipt-b", 3)])
    assert (deletes.deleted, deletes.hidden) == (["receipt-a"], [])


def test_closing_sends_what_waits_in_both() -> None:
    queue, deletes = FakeQueue(), FakeQueue()
    PatientDeletes(queue, deletes).close()
    assert queue.is_closed
    assert deletes.is_closed
