using Stele.Prove.Processes;

namespace Stele.Prove.Mutants;

/// <summary>A bug in the functions of the database, or in how its sessions are set: what the server finds there, and has not made.</summary>
internal static class DatabaseMutation
{
    /// <summary>Puts the bug in. Sessions that are open do not have it yet.</summary>
    public static async Task Apply(Mutant mutant, PostgresServer primary)
    {
        switch (mutant)
        {
            case Mutant.IgnoreTheCompareAndSet:
                await Overwrites(primary);
                await Replace(primary, "append", " AND revision = p_revision\n      AND chain = p_chain AND format = p_format AND last_at <= r_at[1]", "");
                break;
            case Mutant.DropTheRowLock:
                await Overwrites(primary);
                // what was compared may be over when it is written
                await Replace(primary, "append", "    UPDATE stele.journal_head\n", """
                        PERFORM FROM stele.journal_head
                        WHERE org_id = p_org_id AND incarnation = p_incarnation AND fence = p_fence AND revision = p_revision AND chain = p_chain AND format = p_format AND last_at <= r_at[1];
                        IF NOT FOUND THEN
                            RAISE EXCEPTION 'the head of org % is not at revision % as believed', p_org_id, p_revision USING ERRCODE = 'ST001';
                        END IF;
                        PERFORM pg_sleep(0.01);
                        UPDATE stele.journal_head

                    """);
                await Replace(primary, "append", "    WHERE org_id = p_org_id AND incarnation = p_incarnation AND fence = p_fence AND revision = p_revision\n      AND chain = p_chain AND format = p_format AND last_at <= r_at[1];\n    IF", "    WHERE org_id = p_org_id;\n    IF");
                await Replace(primary, "lock_head", " FOR UPDATE", "");
                break;
            case Mutant.SkipTheFence:
                await Replace(primary, "append", " AND fence = p_fence", "");
                break;
            case Mutant.SettleWithoutFence:
                await Replace(primary, "raise_fence", "UPDATE stele.journal_head SET fence = fence + 1 WHERE org_id = p_org_id RETURNING fence INTO v_fence", "SELECT fence + 1 INTO v_fence FROM stele.journal_head WHERE org_id = p_org_id");
                break;
            case Mutant.SkipTheChain:
                await Replace(primary, "append", "SELECT p_org_id, p_revision + r.n, r.chain, r.at", "SELECT p_org_id, p_revision + r.n, sha256(r.chain), r.at");
                break;
            case Mutant.AcknowledgeBeforeTheStandby:
                await primary.Execute("ALTER DATABASE stele SET synchronous_commit = local");
                break;
            case Mutant.TrustACancelledWait:
                // PostgreSQL says it in a warning, and in nothing else
                await primary.Execute("ALTER DATABASE stele SET client_min_messages = error");
                break;
        }
    }

    /// <summary>Whether this one is made here.</summary>
    public static bool Has(Mutant mutant) => mutant is >= Mutant.IgnoreTheCompareAndSet and <= Mutant.TrustACancelledWait;

    // primary keys and triggers stand behind the head, and would refuse what a head that is not compared lets through
    static async Task Overwrites(PostgresServer primary)
    {
        foreach (var table in (string[])["revision", "event"])
            await primary.Execute($"""
                DO $$ DECLARE t record; BEGIN
                FOR t IN SELECT tgname, tgrelid::regclass AS place FROM pg_trigger WHERE NOT tgisinternal AND (tgrelid = 'stele.{table}'::regclass OR tgrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'stele.{table}'::regclass)) AND tgparentid = 0
                LOOP EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, t.place); END LOOP; END $$;
                GRANT DELETE ON stele.{table} TO stele_journal;
                ALTER TABLE stele.{table} NO FORCE ROW LEVEL SECURITY;
                ALTER TABLE stele.{table} DISABLE ROW LEVEL SECURITY
                """);
        await Replace(primary, "append", "    INSERT INTO stele.revision", """
                DELETE FROM stele.event WHERE org_id = p_org_id AND revision > p_revision;
                DELETE FROM stele.revision WHERE org_id = p_org_id AND revision > p_revision;
                INSERT INTO stele.revision
            """.TrimEnd());
    }

    static async Task Replace(PostgresServer primary, string function, string text, string by)
    {
        var definition = await primary.Ask<string>($"SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'stele'::regnamespace AND proname = '{function}'");
        var mutated = definition.Replace(text, by, StringComparison.Ordinal);
        if (mutated == definition) throw new InvalidOperationException($"stele.{function} is not what the mutation knows");
        await primary.Execute(mutated);
    }
}
