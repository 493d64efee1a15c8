SELECT count(*) FILTER (newer), count(*) FILTER (NOT newer AND NOT earlier)
FROM matched
