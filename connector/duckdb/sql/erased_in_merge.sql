CREATE OR REPLACE TEMP TABLE erased AS
{{template "erased_users.sql" .}}
