-- oldest-server: 0.1.0
-- The index of 0110 begins with org_id, as the primary key does. While a partition is small both cost the same in the
-- planner's eyes, and a plan that is kept from then on looks for each revision among all entries of its org. With an
-- expression in front, only the statement that asks by it can use the index (PostgresJournalReads.FindSql).
DROP INDEX stele.event_stream;
CREATE INDEX event_stream ON stele.event ((org_id::bigint), stream, revision);
