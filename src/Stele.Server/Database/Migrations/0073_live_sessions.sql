-- oldest-server: 0.1.0
-- A node asks once a second whether the sessions whose streams are open on it still are: of all orgs at once, so as stele_tail. What
-- that role may see of a session (its org, its hash, its end) was shown of those that are over; now of all. It still deletes no other.

DROP POLICY session_tail_see ON stele.session;
CREATE POLICY session_tail_see ON stele.session FOR SELECT TO stele_tail USING (true);
