-- Durable transfers as fast as they are answered: random accounts, a key of its own for each, by wrk.
-- arguments: a file with lines "token from_account_id to_account_id", and a prefix for this run's keys

local routes = {}
local prefix = ""
local count = 0

function setup(thread)
  thread:set("seed", os.time())
end

function init(args)
  math.randomseed(seed)
  for line in io.lines(args[1]) do
    local token, from, to = line:match("(%S+) (%S+) (%S+)")
    routes[#routes + 1] = { token = token, from = from, to = to }
  end
  prefix = args[2]
end

function request()
  local route = routes[math.random(#routes)]
  count = count + 1
  local headers = {
    ["Authorization"] = "Bearer " .. route.token,
    ["Content-Type"] = "application/json",
    ["Idempotency-Key"] = prefix .. "-" .. count,
  }
  local body = string.format('{"from_account_id":"%s","to_account_id":"%s","amount":"0.01"}', route.from, route.to)
  return wrk.format("POST", "/api/transactions/transfer", headers, body)
end



function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.3f, "p50_ms": %.2f, "p99_ms": %.2f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
