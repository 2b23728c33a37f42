"""`doctor --deployed STACK`: checks what runs in an AWS account, from its stacks down to its settings.

    STACK ──► resources stack ◄── stacks on top: functions, container, monitoring
                    │                  │
                    │ outputs          ▼ what each consists of, as AWS tells it
                    └──► must agree ◄──┘ ──► the settings of what runs ──► doctor's usual checks

It reads, as the person who calls it. What that person may not read is told, and the rest goes on.
"""
