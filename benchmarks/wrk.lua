-- What wrk prints at its end: one JSON object with what web.py needs of its summary.
function done(summary, latency, requests)
    local failed = 0
    for _, count in pairs(summary.errors) do
        failed = failed + count
    end
    io.write(string.format(
        '{"messages": %d, "seconds": %.6f, "failed": %d, "p50_us": %.2f, "p99_us": %.2f, "p999_us": %.2f}\n',
        summary.requests, summary.duration / 1e6, failed,
        latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
