UPDATE store."sleep_fence" SET n = n + 1
