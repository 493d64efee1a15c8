-- $2 samples of the people $1, in the order of time, up to $3: a sample each of them every three minutes.
CREATE TEMP TABLE history AS
SELECT user_id, 'team' AS team_id, 'client-' || left(user_id, 8) AS client_user_id,
    ['heartrate', 'steps', 'hrv', 'calories_active', 'respiratory_rate'][1 + moment % 5] AS resource,
    'oura' AS provider, 'ring' AS source_type, taken AS timestamp, '' AS discriminator, hash(i) % 200 AS value, 'unit' AS unit,
    unhex(format('{:016x}{:016x}{:016x}{:08x}', epoch_us(taken), epoch_us(taken), hash(moment), moment % 300)) AS _version,
    taken AS _version_at, 'message-' || i // 30000 || '-' || i % 100 AS _message_id, false AS _deleted
FROM (
    SELECT i, moment, $1[1 + i % 100] AS user_id, $3::TIMESTAMPTZ - to_minutes(3 * ($2 // 100 - moment)) AS taken
    FROM (SELECT i, i // 100 AS moment FROM range($2) AS r(i))
)
