"""`python -m worker` is `hautech-worker`."""

from worker.runtime.cli import main

if __name__ == "__main__":
    main()
