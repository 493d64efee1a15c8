{{- /* Is the merge of a job in the ledger? */ -}}
SELECT COUNT(*) AS merges
FROM {{table "merges"}}
WHERE merged_at >= {{timestamp .LedgerSince}} AND table_name = {{literal .Table}} AND job_id = @job_id
