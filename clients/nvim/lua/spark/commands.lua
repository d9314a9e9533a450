--- `:Spark`, and what stands behind its words.
local api = vim.api

local M = {}

--- A window with these lines, closed by q.
local function show(title, lines, filetype)
  vim.cmd('botright new')
  local buffer = api.nvim_get_current_buf()
  vim.bo[buffer].buftype, vim.bo[buffer].bufhidden, vim.bo[buffer].swapfile = 'nofile', 'wipe', false
  api.nvim_buf_set_name(buffer, ('spark://%s/%d'):format(title, buffer))
  api.nvim_buf_set_lines(buffer, 0, -1, false, lines)
  vim.bo[buffer].modifiable = false
  vim.bo[buffer].filetype = filetype or ''
  vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = buffer, nowait = true })
end

--- The server's command with another word for its work: `spark-lsp --config F doctor`.
local function with_word(...)
  local command = require('spark.server').command()
  if not command then
    return nil
  end
  command = vim.tbl_filter(function(word)
    return word ~= '--stdio'
  end, command)
  return vim.list_extend(command, { ... })
end

local function run(title, ...)
  local command = with_word(...)
  if not command then
    return vim.notify('spark: the server is not started by a command', vim.log.levels.ERROR)
  end
  vim.notify(('spark: %s ...'):format(table.concat(command, ' ')))
  local started, why = pcall(vim.system, command, { text = true, stdin = '' }, function(result)
    vim.schedule(function()
      local said = (result.stdout or '') .. (result.stderr or '')
      show(title, vim.split(vim.trim(said), '\n', { plain = true }))
    end)
  end)
  if not started then
    vim.notify('spark: ' .. (require('spark.server').missing() or why), vim.log.levels.ERROR)
  end
end

local function metrics()
  local client = vim.lsp.get_clients({ name = 'spark_lsp' })[1]
  if not client then
    return vim.notify('spark: no server runs', vim.log.levels.WARN)
  end
  client:request('spark/metrics', vim.empty_dict(), function(failure, result)
    if failure then
      vim.notify('spark: ' .. failure.message, vim.log.levels.ERROR)
    else
      show('metrics', vim.split(vim.inspect(result), '\n', { plain = true }), 'lua')
    end
  end)
end

---@type table<string, fun(argument: string?)>
local words = {
  status = function()
    local now = require('spark.status').current()
    vim.notify(('spark: %s: %s'):format(now.state, now.message))
  end,
  toggle = function()
    require('spark.switch').toggle()
  end,
  enable = function()
    require('spark.switch').toggle(true)
  end,
  disable = function()
    require('spark.switch').toggle(false)
  end,
  snooze = function(argument)
    local minutes = tonumber(argument or '30')
    if not minutes or minutes < 0 then
      return vim.notify('spark: snooze takes minutes, as in :Spark snooze 15', vim.log.levels.ERROR)
    end
    require('spark.switch').snooze(minutes)
  end,
  restart = function()
    require('spark.server').restart()
  end,
  doctor = function()
    run('doctor', 'doctor')
  end,
  explain = function()
    run('explain', 'doctor', '--explain')
  end,
  settings = function()
    run('settings', 'config', '--show')
  end,
  metrics = metrics,
  log = function()
    vim.cmd.split(vim.fn.fnameescape(vim.lsp.log.get_filename()))
    vim.cmd.normal({ 'G', bang = true })
  end,
  health = function()
    vim.cmd.checkhealth('spark')
  end,
}

local function complete(start)
  local names = vim.tbl_filter(function(name)
    return vim.startswith(name, start)
  end, vim.tbl_keys(words))
  table.sort(names)
  return names
end

function M.create()
  api.nvim_create_user_command('Spark', function(call)
    local word, argument = call.fargs[1] or 'status', call.fargs[2]
    if not words[word] then
      local known = table.concat(complete(''), ', ')
      return vim.notify(('spark: there is no :Spark %s, but %s'):format(word, known), vim.log.levels.ERROR)
    end
    words[word](argument)
  end, {
    nargs = '*',
    desc = 'Suggestions of spark-lsp: status, toggle, snooze, doctor, log ...',
    complete = function(start, line)
      return line:match('^%S+%s+%S*$') and complete(start) or {}
    end,
  })
end

return M
