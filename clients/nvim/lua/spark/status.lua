--- How things stand, for the statusline and for `:Spark status`.
local api = vim.api

local M = {}

---@class spark.Status
---@field state 'none'|'off'|'snoozed'|'failed'|'starting'|'normal'|'warning'|'inactive'|'error'
---@field message string one sentence
---@field backend? string who answers, where the server says it
---@field first_token? string as "110 ms"

---@type table<integer, { kind: string, message: string }>
local told = {}

--- Have the statusline drawn, and tell whoever listens.
function M.changed()
  vim.schedule(function()
    api.nvim_exec_autocmds('User', { pattern = 'SparkStatus', modeline = false })
    vim.cmd.redrawstatus({ bang = true })
  end)
end

---@param id integer
---@param status { kind: string, message: string }
function M.receive(id, status)
  told[id] = { kind = status.kind, message = status.message }
  M.changed()
end

---@param id integer
function M.began(id)
  told[id] = told[id] or { kind = 'starting', message = 'the server is starting' }
  M.changed()
end

---@param id integer
function M.ended(id)
  told[id] = nil
  M.changed()
end

local function of_the_editor(buffer, attached)
  local server, switch = require('spark.server'), require('spark.switch')
  local why = server.failure() or server.missing()
  if why then
    return { state = 'failed', message = why }
  elseif not switch.on() then
    return { state = 'off', message = 'switched off by :Spark toggle' }
  elseif switch.snoozed() then
    return { state = 'snoozed', message = 'snoozed until ' .. os.date('%H:%M', switch.snoozed()) }
  elseif not attached then
    return { state = 'none', message = 'no server is attached to this buffer' }
  elseif not switch.wanted_in(buffer) then
    return { state = 'off', message = 'switched off for this buffer or its filetype' }
  end
end

---@param buffer? integer the current one when not given
---@return spark.Status
function M.current(buffer)
  buffer = buffer or api.nvim_get_current_buf()
  local client = vim.lsp.get_clients({ bufnr = buffer, name = 'spark_lsp' })[1]
  local own = of_the_editor(buffer, client ~= nil)
  if own then
    return own
  end
  local status = told[client.id] or { kind = 'starting', message = 'the server is starting' }
  local workspace = status.message:match('^workspace only')
  return {
    state = status.kind:lower(),
    message = status.message,
    backend = workspace and 'workspace' or status.message:match('^([^:;]+):'),
    first_token = status.message:match('first token ([^,;]+)'),
  }
end

local words = {
  none = '',
  off = 'spark off',
  failed = 'spark failed',
  starting = 'spark ...',
  inactive = 'spark off',
}

---@return string
function M.line()
  local now = M.current()
  if words[now.state] then
    return words[now.state]
  elseif now.state == 'snoozed' then
    return 'spark ' .. now.message:gsub('^snoozed until', 'zz')
  elseif now.state ~= 'normal' then
    return 'spark !'
  end
  return vim.trim(('spark %s %s'):format(now.backend or '', now.first_token or ''))
end

return M
