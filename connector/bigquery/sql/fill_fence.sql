INSERT INTO {{table (fence .Table)}} (n)
SELECT 0 FROM UNNEST([1]) WHERE NOT EXISTS (SELECT 1 FROM {{table (fence .Table)}})
