-- oldest-server: 0.1.0
-- What a filter of watchers finds revisions by: someone who was away for a million revisions and watches a quiet prefix
-- must not wait until they are all read. Streams begin with kind and environment, so a prefix of keys is one range. It
-- costs each event one entry; an entry is found by its stream, so neighbours in time are not neighbours here, which is
-- why the partitions by month, of which few are recent, matter for it. The database keeps it from being built while
-- servers write: a large journal's takes about a second per million events, once.
CREATE INDEX event_stream ON stele.event (org_id, stream, revision);
