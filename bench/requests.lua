-- Sends the requests of a file over and over, each thread from its own place, and prints what wrk measured as one
-- line of JSON. Every peer is driven by this same script, so that the generator costs each of them the same.
--
-- The file: header lines "name: value", an empty line, then one request a line: METHOD <tab> path <tab> body, and
-- perhaps <tab> the org that it is about, and <tab> a token in place of that of the headers.

local requests, count, at = {}, 0, 0
local threads = 0

function setup(thread)
    thread:set("id", threads)
    threads = threads + 1
end

function init(args)
    local headers, reading = {}, "headers"
    for line in io.lines(args[1]) do
        if reading == "headers" then
            if line == "" then
                reading = "requests"
            else
                local name, value = line:match("^(.-): (.*)$")
                headers[name] = value
            end
        else
            local method, path, body, org, token = line:match("^(%S+)\t(%S+)\t?([^\t]*)\t?([^\t]*)\t?([^\t]*)$")
            headers["Stele-Org"] = org ~= "" and org or nil
            if token ~= "" then headers["Authorization"] = "Bearer " .. token end
            count = count + 1
            requests[count] = wrk.format(method, path, headers, body ~= "" and body or nil)
        end
    end
    at = (id * 7919) % count
end

function request()
    at = at % count + 1
    return requests[at]
end

function done(summary, latency, _)
    local e = summary.errors
    io.write(string.format(
        'WRK {"requests":%d,"microseconds":%d,"bytes":%d,"p50":%d,"p90":%d,"p99":%d,"max":%d,"refused":%d,"failed":%d}\n',
        summary.requests, summary.duration, summary.bytes,
        latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max,
        e.status, e.connect + e.read + e.write + e.timeout))
end
