-- Whoever raises the fence first wins; the other starts over.
UPDATE {{table (fence .Table)}} SET n = n + 1 WHERE n = @fence;
IF @@row_count != 1 THEN
    IF (SELECT COUNT(*) FROM {{table (fence .Table)}}) != 1 THEN
        RAISE USING MESSAGE = {{literal .Unfenced}};
    END IF;
    RAISE USING MESSAGE = {{literal .Fenced}};
END IF;
{{- /* no line break */ -}}
