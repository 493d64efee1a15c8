DECLARE found, surplus, deleted, inserted INT64 DEFAULT 0;
BEGIN TRANSACTION;

-- Whoever raises the fence first wins; the other starts over.
UPDATE `project.health_store.timeseries_fence` SET n = n + 1 WHERE n = @fence;
IF @@row_count != 1 THEN
    IF (SELECT COUNT(*) FROM `project.health_store.timeseries_fence`) != 1 THEN
        RAISE USING MESSAGE = 'vitalsink: there must be one row in timeseries_fence';
    END IF;
    RAISE USING MESSAGE = 'vitalsink: another fold was faster';
END IF;

-- All rows of these keys, those that stay first.
CREATE TEMP TABLE several AS
SELECT *,
    ROW_NUMBER() OVER (PARTITION BY `user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator` ORDER BY T._version DESC) AS _nth
FROM `project.health_store.timeseries` AS T
WHERE ((T.`timestamp` >= TIMESTAMP '2019-03-01 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2019-03-02 00:00:00+00') OR (T.`timestamp` >= TIMESTAMP '2026-11-22 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2026-11-24 00:00:00+00'))
QUALIFY COUNT(*) OVER (PARTITION BY `user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`) > 1;
SET (found, surplus) = (SELECT AS STRUCT COUNT(*), COUNTIF(_nth > 1) FROM several);

DELETE FROM `project.health_store.timeseries` AS T
WHERE ((T.`timestamp` >= TIMESTAMP '2019-03-01 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2019-03-02 00:00:00+00') OR (T.`timestamp` >= TIMESTAMP '2026-11-22 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2026-11-24 00:00:00+00')) AND EXISTS (SELECT 1 FROM several AS S WHERE T.`user_id` = S.`user_id` AND T.`resource` = S.`resource` AND T.`provider` = S.`provider` AND T.`source_type` = S.`source_type` AND T.`timestamp` = S.`timestamp` AND T.`discriminator` = S.`discriminator`);
SET deleted = deleted + @@row_count;

INSERT INTO `project.health_store.timeseries`
SELECT * EXCEPT (_nth)
FROM several AS S
WHERE S._nth = 1 AND ((S.`timestamp` >= TIMESTAMP '2019-03-01 00:00:00+00' AND S.`timestamp` < TIMESTAMP '2019-03-02 00:00:00+00') OR (S.`timestamp` >= TIMESTAMP '2026-11-22 00:00:00+00' AND S.`timestamp` < TIMESTAMP '2026-11-24 00:00:00+00'));
SET inserted = inserted + @@row_count;

IF deleted != found OR deleted - inserted != surplus THEN
    RAISE USING MESSAGE = FORMAT('%s {found=%d, surplus=%d, deleted=%d, inserted=%d}',
        'vitalsink: books do not balance', found, surplus, deleted, inserted);
END IF;
COMMIT TRANSACTION;
SELECT surplus AS removed;
