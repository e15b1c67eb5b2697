-- oldest-server: 0.1.0
-- Secrets whose values lie in Vault (STELE_SECRETS_STORE=vault-kv), and their moves from one store to the other. docs/adr/0042-vault-as-the-store.md argues it.

-- Where a value lies: NULL, here; else the id of its copy in Vault, and `ciphertext` says where that is and what it is checked by.
-- A value that was moved is the one that the event says which moved it last.
ALTER TABLE stele.secret_value ADD COLUMN vault_id uuid NULL, ADD COLUMN moved_id bigint NULL, ADD COLUMN moved_at timestamptz NULL,
    ADD CONSTRAINT secret_value_moved CHECK ((moved_id IS NULL) = (moved_at IS NULL));

-- Every copy that this database has put into Vault, noted before it is: bookkeeping beside the journal, so that a copy which no revision names, or which
-- was destroyed, deleted or left behind by a move, is found without asking Vault what it has. Nothing is read by it.
-- `due_at` is when the copy is to be brought level with the journal; NULL, it is.
CREATE TABLE stele.secret_copy (
    org_id    int         NOT NULL,
    vault_id  uuid        NOT NULL,
    value_id  uuid        NOT NULL,
    mount     text        NOT NULL COLLATE "C",
    path      text        NOT NULL COLLATE "C",
    hidden_at timestamptz NULL,  -- since when it is deleted in Vault, where it can be brought back
    due_at    timestamptz NULL,
    round     int         NOT NULL DEFAULT 0,  -- counts its changes, so that who levels it does not overlook one
    CONSTRAINT secret_copy_pkey PRIMARY KEY (org_id, vault_id)
) WITH (fillfactor = 80);
CREATE INDEX secret_copy_by_value ON stele.secret_copy (org_id, value_id);
CREATE INDEX secret_copy_due ON stele.secret_copy (due_at) WHERE due_at IS NOT NULL;
CALL stele.make_tenant_table('stele.secret_copy');
CREATE POLICY secret_copy_tail ON stele.secret_copy FOR SELECT TO stele_tail USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON stele.secret_copy TO stele_app;
GRANT SELECT (org_id, due_at) ON stele.secret_copy TO stele_tail;
