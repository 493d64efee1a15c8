DECLARE found, surplus, deleted, inserted INT64 DEFAULT 0;
BEGIN TRANSACTION;

-- Whoever raises the fence first wins; the other starts over.
UPDATE `project.health_store.electrocardiogram_fence` SET n = n + 1 WHERE n = @fence;
IF @@row_count != 1 THEN
    IF (SELECT COUNT(*) FROM `project.health_store.electrocardiogram_fence`) != 1 THEN
        RAISE USING MESSAGE = 'vitalsink: there must be one row in electrocardiogram_fence';
    END IF;
    RAISE USING MESSAGE = 'vitalsink: another fold was faster';
END IF;

-- All rows of these keys, those that stay first.
CREATE TEMP TABLE several AS
SELECT *,
    MIN(T.`created_at`) OVER (PARTITION BY `user_id`, `id`) AS _least,
    ROW_NUMBER() OVER (PARTITION BY `user_id`, `id` ORDER BY T._version DESC) AS _nth
FROM `project.health_store.electrocardiogram` AS T
WHERE TRUE /* not pruned: a key can be in any partition */
QUALIFY COUNT(*) OVER (PARTITION BY `user_id`, `id`) > 1;
SET (found, surplus) = (SELECT AS STRUCT COUNT(*), COUNTIF(_nth > 1) FROM several);

DELETE FROM `project.health_store.electrocardiogram` AS T
WHERE TRUE /* not pruned: a key can be in any partition */ AND EXISTS (SELECT 1 FROM several AS S WHERE T.`user_id` = S.`user_id` AND T.`id` = S.`id`);
SET deleted = deleted + @@row_count;

INSERT INTO `project.health_store.electrocardiogram`
SELECT * EXCEPT (_least, _nth)
FROM (SELECT * REPLACE (_least AS `created_at`) FROM several) AS S
WHERE S._nth = 1 AND TRUE /* not pruned: a key can be in any partition */;
SET inserted = inserted + @@row_count;

IF deleted != found OR deleted - inserted != surplus THEN
    RAISE USING MESSAGE = FORMAT('%s {found=%d, surplus=%d, deleted=%d, inserted=%d}',
        'vitalsink: books do not balance', found, surplus, deleted, inserted);
END IF;
COMMIT TRANSACTION;
SELECT surplus AS removed;
