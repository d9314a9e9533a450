--- `:checkhealth spark`.
local M = {}

local function check_editor(health)
  local version = vim.version()
  local said = ('Neovim %d.%d.%d'):format(version.major, version.minor, version.patch)
  if vim.fn.has('nvim-0.11') == 1 then
    health.ok(said)
  else
    health.error(said .. ' is too old', 'Neovim 0.11 or later is needed')
  end
  local inline = vim.lsp.inline_completion
  if inline and inline.is_enabled and inline.is_enabled() then
    health.warn('vim.lsp.inline_completion is enabled, too: suggestions are shown twice', {
      'remove vim.lsp.inline_completion.enable() from your settings',
    })
  end
end

local function check_command(health)
  local server = require('spark.server')
  local command = server.command()
  if not command then
    return health.info('the server is started by a function of your settings')
  end
  local missing = server.missing()
  if missing then
    return health.error(missing, {
      'install it where the PATH leads: pip install spark-lsp',
      'or say where it is: vim.lsp.config("spark_lsp", { cmd = { "/path/to/venv/bin/spark-lsp" } })',
    })
  end
  local asking = vim.list_extend(vim.list_slice(command), { '--version' })
  local result = vim.system(asking, { text = true, stdin = '' }):wait(10000)
  if result.code == 0 then
    health.ok(('%s, version %s'):format(vim.fn.exepath(command[1]), vim.trim(result.stdout)))
  else
    local lines = vim.split(vim.trim(result.stderr or ''), '\n')
    health.error(('%s does not run: %s'):format(command[1], lines[#lines]), {
      'run it in a terminal: ' .. table.concat(command, ' ') .. ' --version',
    })
  end
end

local function check_server(health)
  local server = require('spark.server')
  if not vim.lsp.is_enabled('spark_lsp') then
    return health.warn('the server is not enabled', { "vim.lsp.enable('spark_lsp')" })
  elseif server.failure() then
    return health.error(server.failure(), { ':Spark log has what it said', ':Spark restart tries again' })
  end
  local clients = vim.lsp.get_clients({ name = 'spark_lsp' })
  if #clients == 0 then
    return health.info('no server runs: it starts with the first file that has a filetype')
  end
  for _, client in ipairs(clients) do
    local buffers = vim.tbl_count(client.attached_buffers)
    health.ok(
      ('server %d runs in %s for %d buffers, positions in %s'):format(
        client.id,
        client.root_dir or 'no folder',
        buffers,
        client.offset_encoding
      )
    )
  end
  local now = require('spark.status').current(next(clients[1].attached_buffers) or 0)
  local report = now.state == 'normal' and health.ok or health.info
  report(('status: %s'):format(now.message))
end

local function check_keys(health)
  local mapping = vim.fn.maparg('<Tab>', 'i', false, true)
  local keymaps = require('spark.config').options.keymaps
  local said = keymaps and 'keys are set' or 'no keys are set: require("spark").setup({ keymaps = true }), or <Plug>(spark-accept)'
  health.info(said)
  if keymaps == true and not (mapping.desc or ''):find('^spark') then
    health.warn('<Tab> was mapped by something else since', {
      'call require("spark").accept() in that mapping first: it returns false when nothing is shown',
    })
  end
end

function M.check()
  local health = vim.health
  health.start('spark: the editor')
  check_editor(health)
  check_keys(health)
  health.start('spark: the server')
  check_command(health)
  check_server(health)
  health.start('spark: backends')
  health.info('`:Spark doctor` measures them')
end

return M
