-- oldest-server: 0.1.0
-- How flags were used is kept for so many days (limit flag.use_days), and swept across orgs by the nodes: what the policies show
-- stele_tail is what has to go, and nothing else. A day and a key of it are all that the sweep reads.

CREATE INDEX flag_use_sweep ON stele.flag_use (day);
CREATE POLICY flag_use_tail_see ON stele.flag_use FOR SELECT TO stele_tail USING (day < current_date - 400);
CREATE POLICY flag_use_tail_sweep ON stele.flag_use FOR DELETE TO stele_tail USING (day < current_date - 400);
GRANT SELECT (org_id, environment, flag, day, variant), DELETE ON stele.flag_use TO stele_tail;

CREATE INDEX flag_served_sweep ON stele.flag_served (day);
CREATE POLICY flag_served_tail_see ON stele.flag_served FOR SELECT TO stele_tail USING (day < current_date - 400);
CREATE POLICY flag_served_tail_sweep ON stele.flag_served FOR DELETE TO stele_tail USING (day < current_date - 400);
GRANT SELECT (org_id, environment, day, reported), DELETE ON stele.flag_served TO stele_tail;
