-- oldest-server: 0.1.0
-- Whether the nodes take writes: a fact of the whole cluster, so it stands in its one row, which is there before any node
-- asks. Every node reads it twice a second; a server that is older than this does not, and goes on writing.
ALTER TABLE stele.cluster
    ADD COLUMN read_only_since  timestamptz NULL,  -- null: they do
    ADD COLUMN read_only_reason text        NULL,
    ADD COLUMN read_only_by     text        NULL,  -- an opaque actor id
    ADD CONSTRAINT cluster_read_only CHECK ((read_only_since IS NULL) = (read_only_by IS NULL) AND (read_only_since IS NOT NULL OR read_only_reason IS NULL));
GRANT UPDATE (read_only_since, read_only_reason, read_only_by) ON stele.cluster TO stele_tail;
