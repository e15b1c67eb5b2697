namespace Stele.Server.Limits;

/// <summary>Somebody who is the same object from request to request, and so can remember his allowance: the limiter need not look for it again.</summary>
internal abstract class AllowanceHolder
{
    Allowance? allowance;

    /// <summary>The one that counted his last request; null: none yet. It may have been retired since.</summary>
    public Allowance? Allowance
    {
        get => Volatile.Read(ref allowance);
        set => Volatile.Write(ref allowance, value);
    }
}
