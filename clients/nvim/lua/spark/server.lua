--- The server's life: whether it can be started, and what happens when it dies.
local M = {}

local NAME = 'spark_lsp'

--- So often it may die within `SETTLED` of its start, one time after the other, before it is given up.
local TRIES = 5
local SETTLED = 10000
local FIRST_PAUSE, LONGEST_PAUSE = 250, 8000

local deaths = 0
local started_at = nil ---@type integer? of the latest start, in ms
local told_missing = nil ---@type string? the command that was told to be missing
local failure = nil ---@type string? why it is not started any more

--- Soon, so that what Neovim says of a file that is being opened does not come over it.
local function tell(message)
  vim.schedule(function()
    vim.notify('spark: ' .. message, vim.log.levels.ERROR)
  end)
  require('spark.status').changed()
end

--- The words of the command that starts the server; nil where the settings have a function.
---@return string[]?
function M.command()
  local config = vim.lsp.config[NAME]
  local command = config and config.cmd
  return type(command) == 'table' and command or nil
end

--- Why the server cannot be started; nil when it can. Short: what does not fit on a line has to be confirmed.
---@return string?
function M.missing()
  local command = M.command()
  if command and vim.fn.executable(command[1]) == 0 then
    return command[1] .. ' is not found'
  end
end

--- Why it was given up; nil while it is not.
---@return string?
function M.failure()
  return failure
end

--- Neovim says nothing of a command that is not there; we do, once, when a file is opened that would need it.
---@param buffer integer
function M.check(buffer)
  if not vim.lsp.is_enabled(NAME) or vim.bo[buffer].buftype ~= '' or vim.bo[buffer].filetype == '' then
    return
  end
  local missing = M.missing()
  if missing and told_missing ~= missing then
    tell(missing .. ': :checkhealth spark says what to do')
  end
  told_missing = missing
end

--- What `vim.lsp.enable` asks for each buffer: `found` is called with the root if the server may be started.
---@param buffer integer
---@param found fun(root: string?)
function M.admit(buffer, found)
  if not failure then
    started_at = started_at or vim.uv.now()
    found(vim.fs.root(buffer, vim.lsp.config[NAME].root_markers or {}))
  end
end

---@param client vim.lsp.Client
function M.began(client)
  started_at = vim.uv.now()
  require('spark.status').began(client.id)
  require('spark.diagnostics').tell(client)
end

--- Its last words: the command once more, with nothing to read, so that a healthy one ends by itself.
---@param done fun(words: string?)
local function last_words(done)
  local command = M.command()
  if not command then
    return done(nil)
  end
  local fine = pcall(vim.system, command, { stdin = '', text = true, timeout = 5000 }, function(result)
    local lines = vim.split(result.stderr or '', '\n', { trimempty = true })
    vim.schedule(function()
      done(lines[#lines])
    end)
  end)
  if not fine then
    done(nil)
  end
end

local function give_up(code, signal)
  local how = signal ~= 0 and ('signal %d'):format(signal) or ('exit status %d'):format(code)
  failure = ('the server ended %d times at its start'):format(TRIES)
  last_words(function(words)
    failure = ('%s: %s'):format(failure, words or how)
    tell(failure .. '. :Spark restart tries again')
  end)
end

--- Start it for all the buffers that want it, if that is still wanted.
local function start()
  if vim.v.exiting == vim.NIL and vim.lsp.is_enabled(NAME) and not failure then
    started_at = vim.uv.now()
    vim.lsp.enable(NAME)
  end
end

---@param code integer
---@param signal integer
---@param id integer
function M.ended(code, signal, id)
  vim.schedule(function()
    require('spark.status').ended(id)
    -- Asked to: by `exit`, or by whoever sent it SIGTERM.
    if (code == 0 and signal == 0) or signal == 15 or vim.v.exiting ~= vim.NIL then
      return
    end
    local lived = started_at and vim.uv.now() - started_at or 0
    deaths = lived < SETTLED and deaths + 1 or 1
    if deaths >= TRIES then
      give_up(code, signal)
    else
      vim.defer_fn(start, math.min(FIRST_PAUSE * 2 ^ (deaths - 1), LONGEST_PAUSE))
    end
  end)
end

--- Stop it and start it anew, also when it was given up.
function M.restart()
  deaths, failure, told_missing = 0, nil, nil
  local clients = vim.lsp.get_clients({ name = NAME })
  for _, client in ipairs(clients) do
    client:stop(true)
  end
  local function anew()
    if #vim.lsp.get_clients({ name = NAME }) > 0 then
      vim.defer_fn(anew, 50)
    else
      start()
    end
  end
  anew()
end

return M
