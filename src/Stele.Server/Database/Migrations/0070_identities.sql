-- oldest-server: 0.1.0
-- A user may be somebody whom an issuer of JWTs vouches for: one person who is a member of three orgs is three users with one
-- identity. What the events have is here, for SQL and for finding the orgs of a person before any org is chosen.

ALTER TABLE stele.user_account
    ADD COLUMN identity_issuer text NULL,
    ADD COLUMN identity        text NULL COLLATE "C",  -- a hash of issuer and subject, as it stands in the journal as an actor
    ADD CONSTRAINT user_account_identity CHECK ((identity IS NULL) = (identity_issuer IS NULL));

-- One identity, one user of an org. The other index leads from a person to his orgs.
CREATE UNIQUE INDEX user_account_of_identity ON stele.user_account (org_id, identity) WHERE identity IS NOT NULL;
CREATE INDEX user_account_identity ON stele.user_account (identity) WHERE identity IS NOT NULL;

-- That question is over all orgs, like that for the org of a token; of a user it shows no more than where he is, and whether he may come in.
CREATE POLICY user_account_tail ON stele.user_account FOR SELECT TO stele_tail USING (identity IS NOT NULL);
GRANT SELECT (org_id, user_id, identity, status) ON stele.user_account TO stele_tail;
