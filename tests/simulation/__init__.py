"""The whole service in one thread and in no time: one seed, one exactly repeatable run."""
