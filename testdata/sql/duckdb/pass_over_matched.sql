INSERT INTO passed_over
SELECT row FROM matched WHERE NOT newer
