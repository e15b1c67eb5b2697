-- oldest-server: 0.1.0
-- Which reminders were given: that the end of a version is near (expiring) or past (expired), or that a new value is due (rotation_due). A row for each
-- secret and kind, so that of all nodes and over restarts each is given once for a version; the audit log has them.
CREATE TABLE stele.secret_reminder (
    org_id      int         NOT NULL,
    environment text        NOT NULL COLLATE "C",
    path        text        NOT NULL COLLATE "C",
    status      text        NOT NULL COLLATE "C",
    version     bigint      NOT NULL,  -- the last one that somebody was reminded of
    given_at    timestamptz NOT NULL,
    CONSTRAINT secret_reminder_pkey PRIMARY KEY (org_id, environment, path, status),
    CONSTRAINT secret_reminder_shape CHECK (version > 0 AND status IN ('rotation_due', 'expiring', 'expired'))
) WITH (fillfactor = 80);
CALL stele.make_tenant_table('stele.secret_reminder');
CREATE POLICY secret_reminder_tail ON stele.secret_reminder FOR SELECT TO stele_tail USING (true);
GRANT SELECT, INSERT, UPDATE ON stele.secret_reminder TO stele_app;
GRANT SELECT (org_id, environment, path, status, version) ON stele.secret_reminder TO stele_tail;

-- Who reminds looks across orgs, and sees of secrets only those that have an end or a rotation, and of those nothing but that.
CREATE INDEX secret_by_end ON stele.secret (expires_at) WHERE expires_at IS NOT NULL AND NOT deleted AND NOT destroyed;
CREATE INDEX secret_by_rotation ON stele.secret (created_at) WHERE rotation_days IS NOT NULL AND NOT deleted AND NOT destroyed;
CREATE POLICY secret_tail ON stele.secret FOR SELECT TO stele_tail USING (expires_at IS NOT NULL OR rotation_days IS NOT NULL);
GRANT SELECT (org_id, environment, path, version, created_at, expires_at, rotation_days, deleted, destroyed) ON stele.secret TO stele_tail;

-- Secrets that somebody should look after, by the same order as their status in answers: an end comes before a rotation. Plain
-- SQL without settings of its own, so that it is inlined and the two indexes serve it.
CREATE FUNCTION stele.secrets_due(p_warning_days int) RETURNS TABLE (org_id int, environment text, path text, version bigint, status text, at timestamptz)
    LANGUAGE sql STABLE AS $$
    SELECT s.org_id, s.environment, s.path, s.version, CASE WHEN s.expires_at <= now() THEN 'expired' ELSE 'expiring' END, s.expires_at
    FROM stele.secret s
    WHERE s.expires_at IS NOT NULL AND NOT s.deleted AND NOT s.destroyed AND s.expires_at < now() + p_warning_days * interval '24 hours'
    UNION ALL
    SELECT s.org_id, s.environment, s.path, s.version, 'rotation_due', s.created_at + s.rotation_days * interval '24 hours'
    FROM stele.secret s
    WHERE s.rotation_days IS NOT NULL AND NOT s.deleted AND NOT s.destroyed
        AND s.created_at <= now() - interval '24 hours' AND s.created_at <= now() - s.rotation_days * interval '24 hours'
        AND (s.expires_at IS NULL OR s.expires_at >= now() + p_warning_days * interval '24 hours')
$$;
GRANT EXECUTE ON FUNCTION stele.secrets_due(int) TO stele_tail;
