-- What `vim.lsp.enable('spark_lsp')` starts. `vim.lsp.config('spark_lsp', { ... })` lays your own over it.
require('spark').start()

return {
  cmd = { 'spark-lsp' },
  root_markers = { '.spark-lsp.toml', '.git' },
  -- A function, so that a server that always dies at its start is not started for each file that is opened.
  root_dir = function(buffer, found)
    require('spark.server').admit(buffer, found)
  end,
  init_options = { spark = { streaming = true } },
  handlers = {
    ['spark/status'] = function(_, status, context)
      require('spark.status').receive(context.client_id, status)
    end,
    ['$/spark/inlineCompletion/partial'] = function(_, stage)
      require('spark.requester').grow(stage)
    end,
  },
  on_init = function(client)
    require('spark.server').began(client)
  end,
  on_exit = function(code, signal, id)
    require('spark.server').ended(code, signal, id)
  end,
}
