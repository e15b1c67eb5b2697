using Microsoft.Extensions.Options;
using Stele.Client;

var builder = WebApplication.CreateBuilder(args);
builder.AddStele(builder.Configuration["STELE_URL"] ?? "http://127.0.0.1:7300", stele => stele.Prefix = "shop.");
builder.Services.AddOptions<Shop>().BindConfiguration("shop").Validate(shop => shop.ItemsMax > 0, "shop.items_max is at least 1.").ValidateOnChange();

var app = builder.Build();
app.MapGet("/", (IOptionsMonitor<Shop> shop) =>
{
    // looked at once: a second look may be at the next revision
    var now = shop.CurrentValue;
    return $"{now.Greeting}, at most {now.ItemsMax} items";
});
app.MapHealthChecks("/healthz");
app.Run();

internal sealed class Shop
{
    public string Greeting { get; set; } = "Hello";

    [ConfigurationKeyName("items_max")]
    public int ItemsMax { get; set; } = 10;
}
