{{- /* Keys that have several rows: the first of them, and how many there are. Only keys are read. */ -}}
SELECT {{idents .Key}}, COUNT(*) OVER () AS `keys`
FROM (
    SELECT {{idents .Key}}
    FROM {{table .Table}} AS T
    WHERE {{.Days.SQL "T"}}
    GROUP BY {{idents .Key}}
    HAVING COUNT(*) > 1
)
ORDER BY {{idents .Key}}
LIMIT {{.Most}}
