SELECT coalesce(max(n), -1) FROM store."sleep_fence"
