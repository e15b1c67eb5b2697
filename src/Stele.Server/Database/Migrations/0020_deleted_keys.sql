-- oldest-server: 0.1.0
-- Nodes know deleted keys by their hashes only. A list of the past finds their names here: the keys that were deleted
-- after a revision, in order. Partial, so that it costs only deletions; of history, whose rows never change, so that no
-- update of a row has to look at it.
CREATE INDEX configuration_history_deleted ON stele.configuration_history (org_id, environment, key, revision) WHERE deleted;
