-- name: new_id
-- An id for a new row of the caller with a secret.
SELECT uuid7() AS id WHERE :user_id::uuid IS NOT NULL;
