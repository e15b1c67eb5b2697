using Stele.Core.Limits;

namespace Stele.Core.Webhooks;

/// <summary>How many webhooks there are, and how long each is tried.</summary>
public static class WebhookLimits
{
    /// <summary>Webhooks of an org.</summary>
    public static readonly Limit PerOrg = new("webhooks.count", 50, "webhooks", "one more is refused, quota_exceeded", true, PerOrg: true);
    /// <summary>Bytes of the body that makes or changes a webhook.</summary>
    public static readonly Limit BodyBytes = new("webhooks.body_bytes", 262_144, "bytes", "a larger body is refused, too_large", true);
    /// <summary>Characters of a webhook's address.</summary>
    public static readonly Limit UrlCharacters = new("webhooks.url_characters", 2_048, "characters", "a longer address is refused, rule url.length");
    /// <summary>Prefixes of a webhook.</summary>
    public static readonly Limit Prefixes = new("webhooks.prefixes", 100, "prefixes", "one more is refused, rule prefixes.count", true);
    /// <summary>Bytes of a message.</summary>
    public static readonly Limit MessageBytes = new("webhooks.message_bytes", 1_048_576, "bytes",
        "a revision that makes a larger one is sent without values, and if it is larger still, without its changes: the receiver reads them", true);
    /// <summary>Bytes of an answer that are read.</summary>
    public static readonly Limit AnswerBytes = new("webhooks.answer_bytes", 4_096, "bytes", "of a longer one no more is waited for, and what comes of it is not used", true);
    /// <summary>Seconds for one attempt, from looking up the name to the answer's head.</summary>
    public static readonly Limit AttemptSeconds = new("webhooks.attempt_seconds", 8, "seconds", "the attempt has failed", true);
    /// <summary>Attempts at one message.</summary>
    public static readonly Limit Attempts = new("webhooks.attempts", 16, "attempts", "the message becomes a dead letter, and the next one is sent", true);
    /// <summary>The longest pause between two attempts.</summary>
    public static readonly Limit PauseSeconds = new("webhooks.pause_seconds", 600, "seconds", "pauses double from one second up to this, each drawn between nothing and that", true);
    /// <summary>Dead letters of a webhook.</summary>
    public static readonly Limit DeadLetters = new("webhooks.dead_letters", 1_000, "messages", "the webhook is suspended where it is, so that nothing is lost", true);
    /// <summary>Messages that arrived, of which it is known when.</summary>
    public static readonly Limit Deliveries = new("webhooks.deliveries", 1_000, "messages", "older ones are forgotten", true);
    /// <summary>Webhooks that are sent to at a time.</summary>
    public static readonly Limit AtOnce = new("webhooks.at_once", 32, "webhooks", "the others wait for their turn", true);
    /// <summary>How long the secret before the last one may still sign.</summary>
    public static readonly Limit OverlapSeconds = new("webhooks.overlap_seconds", 604_800, "seconds", "a longer overlap is refused, rule overlap_seconds");

    /// <summary>All of them, in the order in which <c>stele limits</c> shows them.</summary>
    public static IReadOnlyList<Limit> All { get; } =
        [PerOrg, BodyBytes, UrlCharacters, Prefixes, MessageBytes, AnswerBytes, AttemptSeconds, Attempts, PauseSeconds, DeadLetters, Deliveries, AtOnce, OverlapSeconds];
}
