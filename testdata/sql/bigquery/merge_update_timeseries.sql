DECLARE found, superseded, stale, erased, applied, billed INT64 DEFAULT 0;
BEGIN TRANSACTION;

-- Whoever raises the fence first wins; the other starts over.
UPDATE `project.health_store.timeseries_fence` SET n = n + 1 WHERE n = @fence;
IF @@row_count != 1 THEN
    IF (SELECT COUNT(*) FROM `project.health_store.timeseries_fence`) != 1 THEN
        RAISE USING MESSAGE = 'vitalsink: there must be one row in timeseries_fence';
    END IF;
    RAISE USING MESSAGE = 'vitalsink: another fold was faster';
END IF;
IF EXISTS (
    SELECT 1 FROM `project.health_store.merges` AS m, UNNEST(m.batch_ids) AS id
    WHERE m.merged_at >= TIMESTAMP '2026-11-22 10:00:00.123456+00' AND m.table_name = 'timeseries' AND id IN UNNEST(@ids)
) THEN
    RAISE USING MESSAGE = 'vitalsink: a batch is merged already';
END IF;

-- Of each key the newest version, and how many there are. Who is erased is
-- asked for within the transaction: what a folder remembers may be out of date.
CREATE TEMP TABLE source AS
SELECT `user_id`, `team_id`, `client_user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`, `start_time`, `end_time`, `value`, `value_text`, `unit`, `type`, `timezone_offset`, `systolic`, `diastolic`, `sensor_location`, `intensity`, `tags`, `delivery_mode`, `delivery_form`, `bolus_purpose`, `app_id`, `device_id`, `workout_id`, `sport`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`,
    COUNT(*) OVER (PARTITION BY `user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`) AS _versions
FROM `project.health_store.timeseries_log`
WHERE _batch_id IN UNNEST(@ids) AND _appended_at >= TIMESTAMP '2026-11-23 10:00:00.123456+00' AND NOT (TO_HEX(SHA256(LOWER(IFNULL(user_id, '')))) IN (SELECT user_hash FROM `project.health_store.erasures` WHERE entry = 'erase'
    AND erasure_id NOT IN (SELECT erasure_id FROM `project.health_store.erasures` WHERE entry = 'lift')))
QUALIFY ROW_NUMBER() OVER (PARTITION BY `user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator` ORDER BY _version DESC) = 1;

-- What the table has of each: nothing, something older, or this or something newer.
CREATE TEMP TABLE staged AS
SELECT S.`user_id`, S.`team_id`, S.`client_user_id`, S.`resource`, S.`provider`, S.`source_type`, S.`timestamp`, S.`discriminator`, S.`start_time`, S.`end_time`, S.`value`, S.`value_text`, S.`unit`, S.`type`, S.`timezone_offset`, S.`systolic`, S.`diastolic`, S.`sensor_location`, S.`intensity`, S.`tags`, S.`delivery_mode`, S.`delivery_form`, S.`bolus_purpose`, S.`app_id`, S.`device_id`, S.`workout_id`, S.`sport`, S.`_extra`, S.`_version`, S.`_version_at`, S.`_message_id`, S.`_deleted`, S._versions,
    CASE
        WHEN T._version IS NULL THEN 'new'
        WHEN S._version > T._version THEN 'newer'
        ELSE 'stale'
    END AS _state
FROM source AS S
LEFT JOIN (
    SELECT `user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`, _version
    FROM `project.health_store.timeseries` AS T
    WHERE ((T.`timestamp` >= TIMESTAMP '2019-03-01 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2019-03-02 00:00:00+00') OR (T.`timestamp` >= TIMESTAMP '2026-11-22 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2026-11-24 00:00:00+00'))
) AS T
ON T.`user_id` = S.`user_id` AND T.`resource` = S.`resource` AND T.`provider` = S.`provider` AND T.`source_type` = S.`source_type` AND T.`timestamp` = S.`timestamp` AND T.`discriminator` = S.`discriminator`
WHERE ((S.`timestamp` >= TIMESTAMP '2019-03-01 00:00:00+00' AND S.`timestamp` < TIMESTAMP '2019-03-02 00:00:00+00') OR (S.`timestamp` >= TIMESTAMP '2026-11-22 00:00:00+00' AND S.`timestamp` < TIMESTAMP '2026-11-24 00:00:00+00'));
SET (found, superseded, stale) = (
    SELECT AS STRUCT IFNULL(SUM(_versions), 0), IFNULL(SUM(_versions - 1), 0), COUNTIF(_state = 'stale') FROM staged
);
IF found - superseded > (SELECT COUNT(*) FROM source) THEN -- that many are staged
    RAISE USING MESSAGE = 'vitalsink: the table holds a key twice';
END IF;
-- The log is read once more only where rows are missing: those of people who
-- are erased. They are counted, and not taken to be what is missing.
IF found != @registered THEN
    SET erased = (
        SELECT COUNT(*)
        FROM `project.health_store.timeseries_log`
        WHERE _batch_id IN UNNEST(@ids) AND _appended_at >= TIMESTAMP '2026-11-23 10:00:00.123456+00' AND (TO_HEX(SHA256(LOWER(IFNULL(user_id, '')))) IN (SELECT user_hash FROM `project.health_store.erasures` WHERE entry = 'erase'
    AND erasure_id NOT IN (SELECT erasure_id FROM `project.health_store.erasures` WHERE entry = 'lift')))
    );
END IF;
IF found + erased != @registered THEN
    RAISE USING MESSAGE = FORMAT('%s {registered=%d, found=%d, erased=%d}', 'vitalsink: books do not balance', @registered, found, erased);
END IF;

MERGE INTO `project.health_store.timeseries` AS T
USING (SELECT * FROM staged WHERE _state = 'newer') AS S
ON T.`user_id` = S.`user_id` AND T.`resource` = S.`resource` AND T.`provider` = S.`provider` AND T.`source_type` = S.`source_type` AND T.`timestamp` = S.`timestamp` AND T.`discriminator` = S.`discriminator` AND ((T.`timestamp` >= TIMESTAMP '2026-11-22 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2026-11-23 00:00:00+00') OR T.`timestamp` IS NULL)
WHEN MATCHED AND S._version > T._version THEN UPDATE SET
    `team_id` = S.`team_id`, `client_user_id` = S.`client_user_id`, `start_time` = S.`start_time`, `end_time` = S.`end_time`, `value` = S.`value`, `value_text` = S.`value_text`, `unit` = S.`unit`, `type` = S.`type`, `timezone_offset` = S.`timezone_offset`, `systolic` = S.`systolic`, `diastolic` = S.`diastolic`, `sensor_location` = S.`sensor_location`, `intensity` = S.`intensity`, `tags` = S.`tags`, `delivery_mode` = S.`delivery_mode`, `delivery_form` = S.`delivery_form`, `bolus_purpose` = S.`bolus_purpose`, `app_id` = S.`app_id`, `device_id` = S.`device_id`, `workout_id` = S.`workout_id`, `sport` = S.`sport`, `_extra` = S.`_extra`, `_version` = S.`_version`, `_version_at` = S.`_version_at`, `_message_id` = S.`_message_id`, `_deleted` = S.`_deleted`;
SET applied = applied + @@row_count;

INSERT INTO `project.health_store.timeseries` (`user_id`, `team_id`, `client_user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`, `start_time`, `end_time`, `value`, `value_text`, `unit`, `type`, `timezone_offset`, `systolic`, `diastolic`, `sensor_location`, `intensity`, `tags`, `delivery_mode`, `delivery_form`, `bolus_purpose`, `app_id`, `device_id`, `workout_id`, `sport`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`)
SELECT S.`user_id`, S.`team_id`, S.`client_user_id`, S.`resource`, S.`provider`, S.`source_type`, S.`timestamp`, S.`discriminator`, S.`start_time`, S.`end_time`, S.`value`, S.`value_text`, S.`unit`, S.`type`, S.`timezone_offset`, S.`systolic`, S.`diastolic`, S.`sensor_location`, S.`intensity`, S.`tags`, S.`delivery_mode`, S.`delivery_form`, S.`bolus_purpose`, S.`app_id`, S.`device_id`, S.`workout_id`, S.`sport`, S.`_extra`, S.`_version`, S.`_version_at`, S.`_message_id`, S.`_deleted`
FROM staged AS S
WHERE S._state = 'new' AND ((S.`timestamp` >= TIMESTAMP '2019-03-01 00:00:00+00' AND S.`timestamp` < TIMESTAMP '2019-03-02 00:00:00+00') OR (S.`timestamp` >= TIMESTAMP '2026-11-22 00:00:00+00' AND S.`timestamp` < TIMESTAMP '2026-11-24 00:00:00+00'));
SET applied = applied + @@row_count;

IF found != applied + superseded + stale THEN
    RAISE USING MESSAGE = FORMAT('%s {found=%d, applied=%d, superseded=%d, stale=%d}',
        'vitalsink: books do not balance', found, applied, superseded, stale);
END IF;
SET billed = @probed + @@script.bytes_billed;
INSERT INTO `project.health_store.merges` (merge_id, table_name, batch_ids, merged_at, rows_registered, rows_applied, rows_superseded, rows_stale, rows_erased, bytes_estimated, bytes_billed, job_id)
VALUES (@merge_id, 'timeseries', @ids, @merged_at, @registered, applied, superseded, stale, erased, @estimated, billed, @job_id);
COMMIT TRANSACTION;
SELECT @registered AS registered, applied AS applied, superseded AS superseded, stale AS stale, erased AS erased, IFNULL(@estimated, 0) AS estimated, billed AS billed;
