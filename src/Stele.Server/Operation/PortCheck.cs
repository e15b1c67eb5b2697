using System.Net;
using System.Net.Sockets;
using Stele.Server.Options;

namespace Stele.Server.Operation;

/// <summary>Asked before anything is started, so that a taken port is one sentence and not the end of a half-started server.</summary>
static class PortCheck
{
    /// <summary>The first of all addresses on which we cannot listen, as a sentence; null: there is none.</summary>
    public static string? Problem(SteleOptions options) =>
        Problem(SteleSettings.Http.Variable, options.Http) ?? Problem(SteleSettings.Grpc.Variable, options.Grpc)
        ?? (options.Https is { } https ? Problem(TransportSettings.Https.Variable, https) : null)
        ?? (options.Flagd is { } flagd ? Problem(TransportSettings.Flagd.Variable, flagd) : null);

    /// <summary>Null when we can listen there, else a sentence with the address and the setting that changes it.</summary>
    public static string? Problem(string variable, IPEndPoint address)
    {
        using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(address);
            socket.Listen();
            return null;
        }
        catch (SocketException failure)
        {
            return failure.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse =>
                    $"{variable}: {address} is taken by another program, perhaps another Stele. Stop that one, or set {variable} to a free address.",
                SocketError.AddressNotAvailable => $"{variable}: {address.Address} is not an address of this machine.",
                SocketError.AccessDenied => $"{variable}: this user may not listen on {address}; ports below 1024 are root's. Set {variable} to a higher one.",
                _ => $"{variable}: {address} cannot be listened on: {failure.Message}.",
            };
        }
    }
}
