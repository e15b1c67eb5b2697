-- oldest-server: 0.1.0
-- Which values are destroyed, of all orgs: for the list that every node keeps outside the database (docs/guides/secrets.md). The role sees no row
-- that still has a ciphertext.
CREATE INDEX secret_value_destroyed ON stele.secret_value (org_id, value_id) WHERE ciphertext IS NULL;
CREATE POLICY secret_value_tail ON stele.secret_value FOR SELECT TO stele_tail USING (ciphertext IS NULL);
GRANT SELECT (org_id, value_id, ciphertext) ON stele.secret_value TO stele_tail;
