-- Another migration takes this number.
SELECT 1;
