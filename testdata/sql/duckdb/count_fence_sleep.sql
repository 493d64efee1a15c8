SELECT count(*) FROM store."sleep_fence"
